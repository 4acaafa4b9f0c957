//! `ifc::main!()` and `#[ifc::test]`.

use crate::arguments::{Arguments, Knob, string_literal};
use crate::{names, record};
use ifc_manifest::{ProviderId, Targets};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::parse::ParseStream;
use syn::spanned::Spanned;
use syn::{Expr, ItemFn, ReturnType};

/// The record of the application and `fn main`.
pub(crate) fn main(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut arguments: Arguments = input.parse()?;
    let targets = arguments.take("targets").map(targets).transpose()?;
    if let Some(knob) = arguments.knobs.first() {
        let suggestion = names::did_you_mean(&knob.name.to_string(), ["targets"]);
        return Err(syn::Error::new(
            knob.name.span(),
            format!("ifc::main! has no knob `{}`{suggestion}", knob.name),
        ));
    }
    if let Some(positional) = &arguments.positional {
        return Err(syn::Error::new(
            positional.span(),
            "ifc::main! takes only `targets = [\"…\"]`",
        ));
    }
    let here = Ident::new("main", Span::call_site());
    let package = names::package();
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let mut known = record::open("application", &here);
    known.text("version").text(&version);
    if let Some(targets) = targets {
        known.text("targets").array();
        for provider in targets.iter() {
            known.text(provider.as_str());
        }
        known.end();
    }
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

/// The providers named in a list of string literals: the record needs them at expansion.
fn targets(knob: Knob) -> syn::Result<Targets> {
    let syn::Expr::Array(list) = &knob.value else {
        return Err(syn::Error::new(
            knob.value.span(),
            "`targets` is a list of providers: `targets = [\"aws\", \"gcp\"]`",
        ));
    };
    let known = ProviderId::ALL.map(ProviderId::as_str);
    let mut targets = Targets::NONE;
    for element in &list.elems {
        let Some(literal) = string_literal(element) else {
            return Err(syn::Error::new(
                element.span(),
                "a provider is a string literal",
            ));
        };
        let word = literal.value();
        let Some(provider) = ProviderId::parse(&word) else {
            let suggestion = names::did_you_mean(&word.to_lowercase(), known);
            let known = known.join(", ");
            return Err(syn::Error::new(
                literal.span(),
                format!("there is no provider `{word}`: there are {known}{suggestion}"),
            ));
        };
        if targets.contains(provider) {
            return Err(syn::Error::new(
                literal.span(),
                format!("`{word}` is given twice"),
            ));
        }
        targets = targets.with(provider);
    }
    if targets.is_empty() {
        return Err(syn::Error::new(
            list.span(),
            "an application has at least one target; leave `targets` out to mean all",
        ));
    }
    Ok(targets)
}

/// A test with a cloud of its own.
pub(crate) fn test(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let mut arguments: Arguments = syn::parse2(arguments)?;
    let mut number = |knob: &str| match arguments.take(knob) {
        None => quote!(::core::option::Option::None),
        Some(knob) => {
            let value = knob.value;
            quote!(::core::option::Option::Some(#value))
        }
    };
    let (seed, seeds) = (number("seed"), number("seeds"));
    let benign = match &arguments.positional {
        None => false,
        Some(Expr::Path(path)) if path.path.is_ident("benign") => true,
        Some(positional) => {
            return Err(syn::Error::new(
                positional.span(),
                "#[ifc::test] takes `benign`, `seed = number` and `seeds = number`",
            ));
        }
    };
    if let Some(knob) = arguments.knobs.first() {
        let suggestion = names::did_you_mean(&knob.name.to_string(), ["seed", "seeds"]);
        return Err(syn::Error::new(
            knob.name.span(),
            format!("#[ifc::test] has no knob `{}`{suggestion}", knob.name),
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
                ::ifc::__private::TestPlan {
                    seed: #seed,
                    seeds: #seeds,
                    benign: #benign,
                },
                #call,
            )
        }
    })
}
