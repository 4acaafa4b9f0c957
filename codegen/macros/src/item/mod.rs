//! `derive(Item)`: parse into a model, check it, expand.

mod expand;
mod model;
mod serde_names;

use proc_macro2::TokenStream;

pub(crate) fn expand(input: syn::DeriveInput) -> syn::Result<TokenStream> {
    let model = model::Model::parse(&input)?;
    Ok(expand::expand(&model))
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    fn check(input: TokenStream, expected: &[&str]) {
        let actual = match syn::parse2(input).and_then(expand) {
            Ok(tokens) => tokens.to_string(),
            Err(error) => error
                .into_iter()
                .map(|error| error.to_string())
                .collect::<Vec<_>>()
                .join("\n"),
        };
        let normal = |text: &str| text.split_whitespace().collect::<String>();
        for part in expected {
            assert!(
                normal(&actual).contains(&normal(part)),
                "`{part}` is not in:\n{actual}"
            );
        }
    }

    #[test]
    fn keys_indexes_and_names() {
        check(
            quote! {
                #[serde(rename_all = "camelCase")]
                pub struct Order {
                    #[item(key)]
                    id: String,
                    #[item(index = "by-customer")]
                    pub customer: String,
                    #[item(index_sort = "by-customer")]
                    placed_at: u64,
                    #[serde(rename = "sum")]
                    total_cents: u64,
                    #[serde(skip)]
                    cache: u8,
                }
            },
            &[
                "pub const CUSTOMER",
                "const PLACED_AT",
                "\"placedAt\"",
                "const TOTAL_CENTS",
                "\"sum\"",
                "pub const BY_CUSTOMER",
            ],
        );
    }

    #[test]
    fn every_mistake_is_reported() {
        check(
            quote!(
                struct A {
                    id: String,
                }
            ),
            &["mark the field that identifies an item with #[item(key)]"],
        );
        check(
            quote!(
                struct A {
                    #[item(key)]
                    a: String,
                    #[item(key)]
                    b: String,
                    #[item(kee)]
                    c: u8,
                }
            ),
            &[
                "second #[item(key)]",
                "unknown attribute `kee`; did you mean `key`?",
            ],
        );
        check(
            quote! {
                #[item(index(name = "by-x", key = custmer))]
                struct A { #[item(key)] a: String, customer: String }
            },
            &["no field `custmer`; did you mean `customer`?"],
        );
        check(
            quote!(
                struct A {
                    #[item(key)]
                    a: String,
                    #[item(index_sort = "by-b")]
                    b: u64,
                }
            ),
            &["index `by-b` has a sort key but no partition key"],
        );
        check(
            quote!(
                struct A {
                    #[item(key)]
                    a: String,
                    #[item(index = "By_B")]
                    b: u64,
                }
            ),
            &["must start with a lower-case letter"],
        );
        check(
            quote!(
                struct A {
                    #[item(key)]
                    _a: String,
                }
            ),
            &["attribute names that begin with `_` are reserved"],
        );
        check(
            quote!(
                struct A {
                    #[item(key)]
                    #[serde(flatten)]
                    a: Inner,
                }
            ),
            &["is not stored as an attribute of its own"],
        );
        check(
            quote!(
                struct A(String);
            ),
            &["named fields"],
        );
        check(
            quote!(
                enum A {
                    B,
                }
            ),
            &["named fields"],
        );
        check(
            quote!(
                struct A<T> {
                    #[item(key)]
                    a: T,
                }
            ),
            &["no generic parameters"],
        );
    }
}
