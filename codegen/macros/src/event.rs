//! `derive(BusEvent)`.

use crate::names;
use ifc_manifest::kind::event_bus::{SOURCE_BYTES_MAX, TYPE_BYTES_MAX};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Data, DataEnum, DeriveInput, Fields, LitStr, Type};

/// What `#[event(…)]` says.
#[derive(Default)]
struct Said {
    event_type: Option<LitStr>,
    source: Option<LitStr>,
}

pub(crate) fn expand(input: DeriveInput) -> syn::Result<TokenStream> {
    if !input.generics.params.is_empty() {
        return Err(syn::Error::new(
            input.generics.span(),
            "an event has no generic parameters: its type stands for one event type",
        ));
    }
    let said = Said::parse(&input.attrs)?;
    let body = match &input.data {
        Data::Struct(_) => of_struct(&input, &said)?,
        Data::Enum(data) => of_enum(&input, data, &said)?,
        Data::Union(_) => {
            return Err(syn::Error::new(
                input.ident.span(),
                "an event is a struct, or an enum of events",
            ));
        }
    };
    let name = &input.ident;
    let source = said
        .source
        .map_or_else(names::package, |source| source.value());
    Ok(quote! {
        impl ::ifc::BusEvent for #name {
            const SOURCE: &'static str = #source;
            #body
        }
    })
}

fn of_struct(input: &DeriveInput, said: &Said) -> syn::Result<TokenStream> {
    let Some(event_type) = &said.event_type else {
        return Err(syn::Error::new(
            input.ident.span(),
            "say which event it is: `#[event(type = \"order.placed\")]`",
        ));
    };
    // At the user's type, where a missing `Serialize` or `Deserialize` is then reported.
    let span = input.ident.span();
    let write = quote_spanned!(span=> ::ifc::__private::to_data(self));
    let read = quote_spanned!(span=> ::ifc::__private::from_data::<Self>(data));
    Ok(quote! {
        const TYPES: &'static [&'static str] = &[#event_type];
        fn event_type(&self) -> &'static str {
            #event_type
        }
        fn to_data(&self) -> ::ifc::__private::DataResult<::std::vec::Vec<u8>> {
            #write
        }
        fn from_data(_: &str, data: &[u8]) -> ::ifc::__private::DataResult<Self> {
            #read
        }
    })
}

fn of_enum(input: &DeriveInput, data: &DataEnum, said: &Said) -> syn::Result<TokenStream> {
    if let Some(event_type) = &said.event_type {
        return Err(syn::Error::new(
            event_type.span(),
            "an enum is an event of several types: give each variant its `#[event(type = \"…\")]`",
        ));
    }
    if data.variants.is_empty() {
        return Err(syn::Error::new(
            input.ident.span(),
            "an event without variants cannot happen",
        ));
    }
    let mut types: Vec<LitStr> = Vec::new();
    let mut mistakes: Option<syn::Error> = None;
    let (mut type_arms, mut write_arms, mut read_arms) =
        (TokenStream::new(), TokenStream::new(), TokenStream::new());
    for variant in &data.variants {
        let (event_type, payload) = match variant_of(variant, &types) {
            Ok(found) => found,
            Err(error) => {
                match &mut mistakes {
                    Some(mistakes) => mistakes.combine(error),
                    None => mistakes = Some(error),
                }
                continue;
            }
        };
        let name = &variant.ident;
        let write = quote_spanned!(payload.span()=> ::ifc::__private::to_data(data));
        let read = quote_spanned! {payload.span()=>
            ::ifc::__private::from_data::<#payload>(data)
        };
        type_arms.extend(quote!(Self::#name(..) => #event_type,));
        write_arms.extend(quote!(Self::#name(data) => #write,));
        read_arms.extend(quote!(#event_type => #read.map(Self::#name),));
        types.push(event_type);
    }
    if let Some(mistakes) = mistakes {
        return Err(mistakes);
    }
    Ok(quote! {
        const TYPES: &'static [&'static str] = &[#(#types),*];
        fn event_type(&self) -> &'static str {
            match self {
                #type_arms
            }
        }
        fn to_data(&self) -> ::ifc::__private::DataResult<::std::vec::Vec<u8>> {
            match self {
                #write_arms
            }
        }
        fn from_data(
            event_type: &str,
            data: &[u8],
        ) -> ::ifc::__private::DataResult<Self> {
            match event_type {
                #read_arms
                _ => ::ifc::__private::another_type(event_type),
            }
        }
    })
}

/// The event type and the data's type of a variant.
fn variant_of(variant: &syn::Variant, before: &[LitStr]) -> syn::Result<(LitStr, Type)> {
    let payload = match &variant.fields {
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => fields.unnamed[0].ty.clone(),
        _ => {
            return Err(syn::Error::new(
                variant.span(),
                "a variant holds the data of its event type: `Placed(OrderPlaced)`",
            ));
        }
    };
    let said = Said::parse(&variant.attrs)?;
    if let Some(source) = &said.source {
        return Err(syn::Error::new(
            source.span(),
            "the source is said once, on the enum",
        ));
    }
    let Some(event_type) = said.event_type else {
        return Err(syn::Error::new(
            variant.ident.span(),
            "say which event it is: `#[event(type = \"order.placed\")]`",
        ));
    };
    if before
        .iter()
        .any(|known| known.value() == event_type.value())
    {
        return Err(syn::Error::new(
            event_type.span(),
            "another variant is of this event type already",
        ));
    }
    Ok((event_type, payload))
}

impl Said {
    fn parse(attributes: &[Attribute]) -> syn::Result<Said> {
        let mut said = Said::default();
        for attribute in attributes.iter().filter(|a| a.path().is_ident("event")) {
            attribute.parse_nested_meta(|meta| {
                let (place, bytes_max) = if meta.path.is_ident("type") {
                    (&mut said.event_type, TYPE_BYTES_MAX)
                } else if meta.path.is_ident("source") {
                    (&mut said.source, SOURCE_BYTES_MAX)
                } else {
                    let wrong = meta.path.get_ident().map(ToString::to_string);
                    let wrong = wrong.unwrap_or_default();
                    let help = names::did_you_mean(&wrong, ["type", "source"]);
                    return Err(meta.error(format!("unknown attribute `{wrong}`{help}")));
                };
                let value: LitStr = meta.value()?.parse()?;
                if let Some(why) = wrong(&value.value(), bytes_max) {
                    return Err(syn::Error::new(value.span(), why));
                }
                match place.replace(value) {
                    None => Ok(()),
                    Some(_) => Err(meta.error("given twice")),
                }
            })?;
        }
        Ok(said)
    }
}

/// Why this cannot be a context attribute.
fn wrong(value: &str, bytes_max: usize) -> Option<String> {
    if value.is_empty() {
        return Some("an event's type and source are not empty".to_owned());
    }
    if value.len() > bytes_max {
        return Some(format!("{} bytes, the limit is {bytes_max}", value.len()));
    }
    if value.starts_with("aws.") {
        return Some("aws keeps what begins with `aws.` for itself".to_owned());
    }
    let control = value.chars().any(char::is_control);
    control.then(|| "an event's type and source have no control characters".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: TokenStream, expected: &[&str]) {
        let actual = match syn::parse2(input).and_then(expand) {
            Ok(tokens) => tokens.to_string(),
            Err(error) => {
                let errors = error.into_iter().map(|error| error.to_string());
                errors.collect::<Vec<_>>().join("\n")
            }
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
    fn structs_and_enums() {
        check(
            quote! {
                #[event(type = "order.placed", source = "shop")]
                struct Placed { id: String }
            },
            &[
                "const SOURCE: &'static str = \"shop\";",
                "&[\"order.placed\"]",
            ],
        );
        check(
            quote! {
                enum Order {
                    #[event(type = "order.placed")]
                    Placed(Placed),
                    #[event(type = "order.paid")]
                    Paid(Paid),
                }
            },
            &[
                "&[\"order.placed\", \"order.paid\"]",
                "const SOURCE: &'static str = \"ifc-macros\";",
            ],
        );
    }

    #[test]
    fn every_mistake_is_reported() {
        check(
            quote!(
                struct A;
            ),
            &["say which event it is"],
        );
        check(
            quote!(
                #[event(type = "")]
                struct A;
            ),
            &["are not empty"],
        );
        check(
            quote!(
                #[event(typ = "a")]
                struct A;
            ),
            &["unknown attribute `typ`; did you mean `type`?"],
        );
        check(
            quote!(
                #[event(type = "a", type = "b")]
                struct A;
            ),
            &["given twice"],
        );
        check(
            quote!(
                #[event(type = "a", source = "aws.s3")]
                struct A;
            ),
            &["for itself"],
        );
        check(
            quote!(
                #[event(type = "a")]
                struct A<T>(T);
            ),
            &["no generic parameters"],
        );
        check(
            quote! {
                enum A {
                    #[event(type = "a")]
                    B(u8),
                    #[event(type = "a")]
                    C(u8),
                    D(u8),
                    #[event(type = "e")]
                    E { x: u8 },
                }
            },
            &[
                "another variant is of this event type already",
                "say which event it is",
                "a variant holds the data of its event type",
            ],
        );
    }
}
