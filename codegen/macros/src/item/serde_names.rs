//! The names under which serde stores fields: the parts of serde's attributes that decide them.

use syn::{Attribute, LitStr};

/// What serde's attributes say about a field or a struct.
#[derive(Default)]
pub(super) struct SerdeNames {
    pub(super) rename: Option<String>,
    pub(super) rename_all: Option<String>,
    /// The field has no attribute of its own.
    pub(super) absent: bool,
}

impl SerdeNames {
    pub(super) fn parse(attributes: &[Attribute]) -> syn::Result<SerdeNames> {
        let mut names = SerdeNames::default();
        for attribute in attributes.iter().filter(|a| a.path().is_ident("serde")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("rename") || meta.path.is_ident("rename_all") {
                    let all = meta.path.is_ident("rename_all");
                    let mut name = None;
                    if meta.input.peek(syn::token::Paren) {
                        // `rename(serialize = "…", deserialize = "…")`: what is stored counts.
                        meta.parse_nested_meta(|inner| {
                            let value: LitStr = inner.value()?.parse()?;
                            if inner.path.is_ident("serialize") {
                                name = Some(value.value());
                            }
                            Ok(())
                        })?;
                    } else {
                        name = Some(meta.value()?.parse::<LitStr>()?.value());
                    }
                    match all {
                        true => names.rename_all = name,
                        false => names.rename = name,
                    }
                } else {
                    names.absent |= ["skip", "skip_serializing", "flatten"]
                        .iter()
                        .any(|word| meta.path.is_ident(word));
                    skip_value(&meta)?;
                }
                Ok(())
            })?;
        }
        Ok(names)
    }
}

/// Consumes the value of an attribute that does not concern us.
fn skip_value(meta: &syn::meta::ParseNestedMeta<'_>) -> syn::Result<()> {
    if meta.input.peek(syn::Token![=]) {
        meta.value()?.parse::<syn::Expr>()?;
    } else if meta.input.peek(syn::token::Paren) {
        let content;
        syn::parenthesized!(content in meta.input);
        content.parse::<proc_macro2::TokenStream>()?;
    }
    Ok(())
}

/// A field's name under serde's `rename_all` rule.
pub(super) fn apply(rule: Option<&str>, field: &str) -> String {
    let words = || field.split('_').filter(|word| !word.is_empty());
    let capital = |word: &str| {
        let mut characters = word.chars();
        characters.next().map_or_else(String::new, |first| {
            first.to_uppercase().collect::<String>() + characters.as_str()
        })
    };
    match rule {
        Some("UPPERCASE" | "SCREAMING_SNAKE_CASE") => field.to_uppercase(),
        Some("PascalCase") => words().map(capital).collect(),
        Some("camelCase") => words()
            .enumerate()
            .map(|(i, word)| {
                if i == 0 {
                    word.to_owned()
                } else {
                    capital(word)
                }
            })
            .collect(),
        Some("kebab-case") => field.replace('_', "-"),
        Some("SCREAMING-KEBAB-CASE") => field.to_uppercase().replace('_', "-"),
        _ => field.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::apply;

    #[test]
    fn rules() {
        for (rule, expected) in [
            (None, "total_cents"),
            (Some("lowercase"), "total_cents"),
            (Some("camelCase"), "totalCents"),
            (Some("PascalCase"), "TotalCents"),
            (Some("kebab-case"), "total-cents"),
            (Some("SCREAMING_SNAKE_CASE"), "TOTAL_CENTS"),
            (Some("SCREAMING-KEBAB-CASE"), "TOTAL-CENTS"),
        ] {
            assert_eq!(apply(rule, "total_cents"), expected);
        }
    }
}
