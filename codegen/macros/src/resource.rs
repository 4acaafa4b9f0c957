//! `#[resource]`.

use crate::{names, record};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, GenericArgument, ItemStatic, PathArguments, StaticMutability, Type};

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    if let Some(token) = arguments.into_iter().next() {
        return Err(syn::Error::new(
            token.span(),
            "#[resource] takes no arguments: configure the resource with the methods of its value",
        ));
    }
    let mut item: ItemStatic = syn::parse2(item.clone()).map_err(|error| {
        syn::Error::new(
            item.span(),
            format!(
                "#[resource] declares a static: \
                 `static NAME: Queue<T> = Queue::new(\"name\");` ({error})"
            ),
        )
    })?;
    if let StaticMutability::Mut(token) = &item.mutability {
        return Err(syn::Error::new(
            token.span(),
            "a resource is not mutable: remove `mut`",
        ));
    }
    let identifier = item.ident.clone();
    add_tag(&mut item)?;

    let visibility = &item.vis;
    let conditions: Vec<&Attribute> = item
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
        .collect();
    let tag_doc = format!("Identifies the resource [`{identifier}`](static@{identifier}).");
    let handle = &item.ty;
    let package = names::package();
    let known = record::open("resource", &identifier);
    let statics = record::statics(
        &known,
        &identifier,
        &quote_spanned!(handle.span()=> #identifier.__ifc_encode(&mut encoder);),
    );
    Ok(quote! {
        #(#conditions)*
        #[doc = #tag_doc]
        #[allow(non_camel_case_types, dead_code, clippy::upper_case_acronyms)]
        #visibility enum #identifier {}

        #item

        #(#conditions)*
        const _: () = {
            #statics
            impl ::ifc::__private::Resource for #identifier {
                type Handle = #handle;
                const NAME: &'static str = #identifier.__ifc_name();
                const PACKAGE: &'static str = #package;
                const RECORD: &'static ::ifc::__private::Header = RECORD.header();
                fn handle() -> &'static Self::Handle {
                    &#identifier
                }
            }
        };
    })
}

/// `Queue<Order>` becomes `Queue<Order, ORDERS>`.
fn add_tag(item: &mut ItemStatic) -> syn::Result<()> {
    let identifier = &item.ident;
    let tag: GenericArgument = syn::parse_quote!(#identifier);
    let span = item.ty.span();
    let segment = match &mut *item.ty {
        Type::Path(path) => path.path.segments.last_mut(),
        _ => None,
    };
    let Some(segment) = segment else {
        return Err(syn::Error::new(
            span,
            "a resource has a type such as `Queue<Order>` or `Secret`",
        ));
    };
    match &mut segment.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.push(tag),
        arguments => *arguments = PathArguments::AngleBracketed(syn::parse_quote!(<#tag>)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(item: TokenStream, expected: &str) {
        let actual = match expand(TokenStream::new(), item) {
            Ok(tokens) => tokens.to_string(),
            Err(error) => error.to_string(),
        };
        let normal = |text: &str| text.split_whitespace().collect::<String>();
        assert!(
            normal(&actual).contains(&normal(expected)),
            "`{expected}` is not in:\n{actual}"
        );
    }

    #[test]
    fn the_tag_joins_the_type() {
        check(
            quote!(
                pub static ORDERS: Queue<Order> = Queue::new("orders");
            ),
            "pub static ORDERS: Queue<Order, ORDERS> = Queue::new(\"orders\");",
        );
        check(
            quote!(
                static KEY: ifc::Secret = ifc::Secret::new("key");
            ),
            "static KEY: ifc::Secret<KEY> =",
        );
        check(
            quote!(
                #[cfg(feature = "x")]
                pub(crate) static A: Secret = Secret::new("a");
            ),
            "pub(crate) enum A {}",
        );
    }

    #[test]
    fn misuse_is_explained() {
        check(
            quote!(
                static mut A: Secret = Secret::new("a");
            ),
            "is not mutable",
        );
        check(
            quote!(
                static A: (u8, u8) = (1, 2);
            ),
            "a resource has a type such as",
        );
        check(
            quote!(
                fn a() {}
            ),
            "#[resource] declares a static",
        );
    }
}
