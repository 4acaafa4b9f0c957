//! `ifc::main!()` and `#[ifc::test]`.

use crate::arguments::Arguments;
use crate::{names, record};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::parse::ParseStream;
use syn::spanned::Spanned;
use syn::{ItemFn, ReturnType};

/// The record of the application and `fn main`.
pub(crate) fn main(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    if !input.is_empty() {
        return Err(input.error("ifc::main!() takes no arguments"));
    }
    let here = Ident::new("main", Span::call_site());
    let package = names::package();
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let mut known = record::open("application", &here);
    known.text("version").text(&version);
    let statics = record::statics(&known, &here, &TokenStream::new());
    Ok(quote! {
        const _: () = {
            #statics
        };

        fn main() -> ::std::process::ExitCode {
            ::ifc::__private::main(#package)
        }
    })
}

/// A test with a cloud of its own.
pub(crate) fn test(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let mut arguments: Arguments = syn::parse2(arguments)?;
    let seed = match arguments.take("seed") {
        None => quote!(::core::option::Option::None),
        Some(knob) => {
            let value = knob.value;
            quote!(::core::option::Option::Some(#value))
        }
    };
    if let Some(knob) = arguments.knobs.first() {
        let suggestion = names::did_you_mean(&knob.name.to_string(), ["seed"]);
        return Err(syn::Error::new(
            knob.name.span(),
            format!("#[ifc::test] has no knob `{}`{suggestion}", knob.name),
        ));
    }
    if let Some(positional) = &arguments.positional {
        return Err(syn::Error::new(
            positional.span(),
            "#[ifc::test] takes only `seed = number`",
        ));
    }
    let mut item: ItemFn = syn::parse2(item)?;
    if item.sig.asyncness.is_none() {
        return Err(syn::Error::new(
            item.sig.fn_token.span,
            format!(
                "write `async fn {}`: the test runs inside the cloud's runtime",
                item.sig.ident
            ),
        ));
    }
    if item.sig.inputs.len() > 1 {
        return Err(syn::Error::new(
            item.sig.inputs.span(),
            "#[ifc::test] hands over one argument: `cloud: TestCloud`",
        ));
    }
    let attributes = std::mem::take(&mut item.attrs);
    let visibility = std::mem::replace(&mut item.vis, syn::Visibility::Inherited);
    let name = item.sig.ident.clone();
    let returns = match &item.sig.output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, ty) => quote!(#ty),
    };
    let call = match item.sig.inputs.is_empty() {
        true => quote!(|_| #name()),
        false => quote!(|cloud| #name(cloud)),
    };
    let package = names::package();
    let text = name.to_string();
    Ok(quote! {
        #[::core::prelude::v1::test]
        #(#attributes)*
        #visibility fn #name() -> #returns {
            #item
            ::ifc::__private::run_test(
                #package,
                ::core::concat!(::core::module_path!(), "::", #text),
                #seed,
                #call,
            )
        }
    })
}
