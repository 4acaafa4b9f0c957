//! Answers of services that speak XML, so plain that no parser is needed: no attributes that matter,
//! no nesting of a name in itself, no sections of characters.

/// The text in the first `<name>…</name>`, with what stands for characters replaced by them.
pub(crate) fn element(text: &str, name: &str) -> Option<String> {
    section(text, name).map(unescape)
}

/// What is in the first `<name>…</name>`, as it stands.
pub(crate) fn section<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    sections(text, name).next()
}

/// What is in each `<name>…</name>`, as it stands.
pub(crate) fn sections<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&start)?;
        let (inner, after) = after.split_once(&end)?;
        rest = after;
        Some(inner)
    })
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain += before;
        let character = after.split_once(';').and_then(|(name, behind)| {
            let character = match name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                _ => {
                    let number = name.strip_prefix('#')?;
                    let code = match number.strip_prefix('x') {
                        Some(digits) => u32::from_str_radix(digits, 16),
                        None => number.parse(),
                    };
                    char::from_u32(code.ok()?)?
                }
            };
            Some((character, behind))
        });
        rest = match character {
            Some((character, behind)) => {
                plain.push(character);
                behind
            }
            None => {
                plain.push('&');
                after
            }
        };
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_with_their_characters() {
        let text = "<a><b>1 &lt; 2 &amp;&#38;&#xe9; &x; &</b><c/><b>&quot;</b></a>";
        assert_eq!(element(text, "b").as_deref(), Some("1 < 2 &&é &x; &"));
        assert_eq!(sections(text, "b").count(), 2);
        assert_eq!(sections(text, "b").last(), Some("&quot;"));
        assert_eq!(section(text, "d"), None);
        assert_eq!(section("<a>", "a"), None);
    }
}
