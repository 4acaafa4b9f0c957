//! `#[schedule]`.

use crate::arguments::{Arguments, string_literal};
use crate::handler::{Handler, injected};
use crate::{names, record};
use ifc_manifest::cron;
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Expr;
use syn::spanned::Spanned;

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let handler = Handler::parse("schedule", item)?;
    let mut arguments: Arguments = syn::parse2(arguments)?;
    let start = timing(&mut arguments)?;
    let name = &handler.name;
    let unit = names::unit(name, arguments.take_name()?.as_ref())?;
    let mut known = record::open("handler", name);
    known.text("name").text(&unit);
    let calls = arguments.calls();
    let statics = record::statics(
        &known,
        name,
        &quote!(#start #calls .__ifc_encode(&mut encoder);),
    );
    let entry = record::table_entry("Event", &unit);
    let (bindings, variables) = injected(
        &handler,
        0,
        &quote!(from_schedule),
        &quote!(&delivery),
        &quote!(return ::core::result::Result::Err(error)),
    );
    let returned = handler.returned();
    let outcome = quote!(::ifc::__private::into_outcomes::<#returned>);
    let body = quote! {
        #statics
        fn thunk(
            deliveries: ::std::vec::Vec<::ifc::__private::Delivery>,
        ) -> ::ifc::__private::BoxFuture<'static, ::std::vec::Vec<::ifc::Outcome>> {
            ::std::boxed::Box::pin(::ifc::__private::run_schedule(
                deliveries,
                |delivery| async move {
                    #bindings
                    ::core::result::Result::Ok(#outcome(#name(#(#variables),*).await))
                },
            ))
        }
        #entry
    };
    Ok(handler.with(&body))
}

/// The starting value of the options: the expression or the period, checked here when it is a
/// literal, otherwise in const evaluation.
fn timing(arguments: &mut Arguments) -> syn::Result<TokenStream> {
    let every = arguments.take("every");
    match (arguments.positional.take(), every) {
        (Some(expression), None) => {
            check_literal(&expression)?;
            Ok(quote_spanned! {expression.span()=>
                ::ifc::__private::ScheduleOptions::cron(#expression)
            })
        }
        (None, Some(knob)) => {
            let period = &knob.value;
            Ok(quote_spanned! {period.span()=>
                ::ifc::__private::ScheduleOptions::every(#period)
            })
        }
        (Some(expression), Some(_)) => Err(syn::Error::new(
            expression.span(),
            "give either a cron expression or `every`, not both",
        )),
        (None, None) => Err(syn::Error::new(
            Span::call_site(),
            "say when: #[schedule(\"0 3 * * *\")] or #[schedule(every = minutes(5))]",
        )),
    }
}

fn check_literal(expression: &Expr) -> syn::Result<()> {
    let Some(literal) = string_literal(expression) else {
        return Ok(());
    };
    match cron::parse(&literal.value()) {
        Ok(_) => Ok(()),
        Err(error) => Err(syn::Error::new(literal.span(), error.to_string())),
    }
}
