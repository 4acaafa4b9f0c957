//! `#[get]`, `#[post]`, `#[put]`, `#[patch]`, `#[delete]`.

use crate::arguments::{Arguments, string_literal};
use crate::cbor::Cbor;
use crate::handler::Handler;
use crate::{names, record};
use ifc_manifest::name;
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, LitStr};

pub(crate) fn expand(
    method: &str,
    arguments: TokenStream,
    item: TokenStream,
) -> syn::Result<TokenStream> {
    let attribute = method.to_lowercase();
    let handler = Handler::parse(&attribute, item)?;
    let mut arguments: Arguments = syn::parse2(arguments)?;
    let path = match arguments
        .positional
        .as_ref()
        .map(|e| (string_literal(e), e))
    {
        Some((Some(literal), _)) => literal.clone(),
        Some((None, expression)) => {
            return Err(syn::Error::new(
                expression.span(),
                "the path of a route is a string literal",
            ));
        }
        None => {
            return Err(syn::Error::new(
                Span::call_site(),
                format!("give the path: #[{attribute}(\"/orders/{{id}}\")]"),
            ));
        }
    };
    check_path(&path)?;
    let api = arguments.take("api");
    if let Some(knob) = arguments.knobs.first() {
        let suggestion = names::did_you_mean(&knob.name.to_string(), ["api"]);
        return Err(syn::Error::new(
            knob.name.span(),
            format!(
                "a route has no knob `{}`{suggestion} (timeout, CORS and the like belong to its \
                 HttpApi)",
                knob.name
            ),
        ));
    }

    let name = &handler.name;
    let mut known = record::open("handler", name);
    known
        .text("name")
        .text(&name::unit_from_identifier(&name.to_string()));
    let mut trigger = Cbor::default();
    trigger
        .text("trigger")
        .map()
        .text("type")
        .text("http")
        .text("method")
        .text(method)
        .text("path")
        .text(&path.value());
    let trigger = trigger.literal();
    let api = match &api {
        None => TokenStream::new(),
        Some(knob) => {
            let api = api_path(&knob.value)?;
            quote_spanned! {api.span()=>
                ::ifc::__private::assert_api::<<#api as ::ifc::__private::Resource>::Handle>();
                ::ifc::__private::encode_address::<#api, N>("api", &mut encoder);
            }
        }
    };
    let statics = record::statics(
        &known,
        name,
        &quote! {
            encoder.raw(#trigger);
            #api
            encoder.end();
        },
    );
    let entry = record::table_entry("Http", &name.to_string());
    let thunk = thunk(&handler);
    Ok(handler.with(&quote! {
        #statics
        #thunk
        #entry
    }))
}

fn api_path(expression: &Expr) -> syn::Result<&syn::Path> {
    match expression {
        Expr::Path(path) => Ok(&path.path),
        other => Err(syn::Error::new(
            other.span(),
            "`api` names a static of type HttpApi",
        )),
    }
}

/// Extracts the arguments in order, the last one with the body, as axum does.
fn thunk(handler: &Handler) -> TokenStream {
    let name = &handler.name;
    let count = handler.arguments.len();
    let mut extract = TokenStream::new();
    let mut variables = Vec::new();
    for (position, ty) in handler.arguments.iter().enumerate() {
        let variable = format_ident!("argument{position}");
        let value = if position + 1 == count {
            quote_spanned!(ty.span()=>
                <#ty as ::ifc::axum::extract::FromRequest<(), _>>::from_request(request, &()).await
            )
        } else {
            quote_spanned!(ty.span()=>
                ::ifc::__private::extract_part::<#ty>(&mut request).await
            )
        };
        extract.extend(quote! {
            let #variable = match #value {
                ::core::result::Result::Ok(value) => value,
                ::core::result::Result::Err(rejection) => {
                    return ::ifc::__private::rejected(rejection);
                }
            };
        });
        variables.push(variable);
    }
    let returned = handler.returned();
    let respond = quote!(::ifc::__private::respond::<#returned>);
    quote! {
        fn thunk(
            #[allow(unused_mut, unused_variables)] mut request: ::ifc::axum::extract::Request,
        ) -> ::ifc::__private::BoxFuture<'static, ::ifc::axum::response::Response> {
            ::std::boxed::Box::pin(async move {
                #extract
                #respond(#name(#(#variables),*).await)
            })
        }
    }
}

/// The grammar of path templates, with errors at the literal.
fn check_path(literal: &LitStr) -> syn::Result<()> {
    let path = literal.value();
    let wrong = |message: String| Err(syn::Error::new(literal.span(), message));
    if !path.starts_with('/') {
        return wrong(format!("a path starts with `/`: write \"/{path}\""));
    }
    if path.contains('?') || path.contains('#') {
        return wrong("a path has no query or fragment: take `Query<T>` as an argument".into());
    }
    let segments: Vec<&str> = path[1..].split('/').collect();
    let mut parameters: Vec<&str> = Vec::new();
    for (position, segment) in segments.iter().enumerate() {
        let last = position + 1 == segments.len();
        if segment.is_empty() && !last {
            return wrong("a path has no empty segment `//`".into());
        }
        if let Some(old) = segment.strip_prefix([':', '*']) {
            return wrong(format!(
                "a parameter is written `{{{old}}}`, the rest of a path `{{{old}..}}`"
            ));
        }
        let Some(inner) = segment.strip_prefix('{') else {
            if segment.contains(['{', '}']) {
                return wrong(format!(
                    "a parameter is a whole segment: `{segment}` mixes it with text"
                ));
            }
            continue;
        };
        let Some(parameter) = inner.strip_suffix('}') else {
            return wrong(format!("`{segment}` has no closing brace at its end"));
        };
        let parameter = match parameter.strip_suffix("..") {
            Some(_) if !last => {
                return wrong(format!(
                    "`{segment}` takes the rest of the path, so it comes last"
                ));
            }
            Some(rest) => rest,
            None => parameter,
        };
        if syn::parse_str::<syn::Ident>(parameter).is_err() {
            return wrong(format!("`{parameter}` is not a name for a path parameter"));
        }
        if parameters.contains(&parameter) {
            return wrong(format!("the parameter `{parameter}` occurs twice"));
        }
        parameters.push(parameter);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Option<&str>) {
        let literal = LitStr::new(path, Span::call_site());
        let actual = check_path(&literal).err().map(|error| error.to_string());
        match (actual, expected) {
            (None, None) => {}
            (Some(actual), Some(part)) => assert!(actual.contains(part), "{path}: {actual}"),
            (actual, expected) => panic!("{path}: {actual:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn path_grammar() {
        for good in ["/", "/a", "/a/{id}", "/a/{id}/b", "/files/{rest..}", "/a/"] {
            check(good, None);
        }
        check("a", Some("starts with `/`"));
        check("/a?b", Some("no query"));
        check("/a//b", Some("no empty segment"));
        check("/a/:id", Some("written `{id}`"));
        check("/a/*rest", Some("written `{rest}`"));
        check("/a/x{id}", Some("whole segment"));
        check("/a/{id", Some("closing brace"));
        check("/a/{rest..}/b", Some("comes last"));
        check("/a/{i d}", Some("not a name"));
        check("/a/{id}/{id}", Some("twice"));
    }
}
