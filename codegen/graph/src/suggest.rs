//! "Did you mean": the known name nearest to one that is not known.

/// The candidate that `name` was probably meant to be: the one with the fewest typing errors, when
/// there are at most a third as many as letters. Of several the first in order.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = name.chars().count().max(3) / 3;
    let name = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&name, &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The sentence to show for an unknown name: the nearest candidate, otherwise all of them when they
/// are few enough to read. `None` when there is nothing to say.
pub fn sentence(name: &str, candidates: &[&str]) -> Option<String> {
    /// More than this many names are no help in one sentence.
    const LISTED_MAX: usize = 12;

    if let Some(nearest) = nearest(name, candidates.iter().copied()) {
        return Some(format!("did you mean `{nearest}`?"));
    }
    let mut names = candidates.to_vec();
    names.sort_unstable();
    names.dedup();
    match names.len() {
        0 => None,
        1 => Some(format!("there is only `{}`", names[0])),
        2..=LISTED_MAX => Some(format!("there are `{}`", names.join("`, `"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_typing_error_in_three_letters_is_understood() {
        let names = ["orders", "order-lines", "fulfilment"];
        for (name, expected) in [
            ("order", Some("orders")),
            ("oredrs", Some("orders")),
            ("ORDERS", Some("orders")),
            ("fulfillment", Some("fulfilment")),
            ("customers", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, names), expected, "{name:?}");
        }
    }

    #[test]
    fn a_sentence_falls_back_to_the_list() {
        let names = ["b", "a", "a"];
        assert_eq!(
            sentence("zzzzzz", &names).as_deref(),
            Some("there are `a`, `b`")
        );
        assert_eq!(
            sentence("zzzzzz", &["a"]).as_deref(),
            Some("there is only `a`")
        );
        assert_eq!(sentence("zzzzzz", &[]), None);
        assert_eq!(
            sentence("ordrs", &["orders", "b"]).as_deref(),
            Some("did you mean `orders`?")
        );
    }
}
