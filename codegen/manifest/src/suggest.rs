//! "Did you mean": the known name nearest to one that is not known.

/// The candidate that `name` was probably meant to be: the one with the fewest typing errors, when
/// there are at most a third as many as letters. Case is none. Of several the first in order.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = name.chars().count().max(3) / 3;
    let name = letters(name);
    candidates
        .into_iter()
        .map(|candidate| (errors(&name, &letters(candidate)), candidate))
        .filter(|(errors, _)| *errors <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

fn letters(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// How many letters were left out, put in, taken for another or swapped with their neighbour
/// (optimal string alignment).
fn errors(left: &[char], right: &[char]) -> usize {
    let mut last = vec![0; right.len() + 1];
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, letter) in left.iter().enumerate() {
        let mut next = vec![i + 1; right.len() + 1];
        for (j, other) in right.iter().enumerate() {
            let taken = row[j] + usize::from(letter != other);
            next[j + 1] = taken.min(row[j + 1] + 1).min(next[j] + 1);
            let swapped = i > 0 && j > 0 && left[i - 1] == *other && *letter == right[j - 1];
            if swapped {
                next[j + 1] = next[j + 1].min(last[j - 1] + 1);
            }
        }
        last = std::mem::replace(&mut row, next);
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_from_both_sides() {
        for (left, right, expected) in [
            ("", "", 0),
            ("abc", "", 3),
            ("fulfil", "fullfil", 1),
            ("kitten", "sitting", 3),
            ("oredrs", "orders", 1),
            ("ab", "ba", 1),
        ] {
            let (left, right) = (letters(left), letters(right));
            assert_eq!(errors(&left, &right), expected, "{left:?} {right:?}");
            assert_eq!(errors(&right, &left), expected, "{right:?} {left:?}");
        }
    }

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
}
