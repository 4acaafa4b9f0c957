//! What to say for an unknown name.

pub use ifc_manifest::suggest::nearest;

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
