//! What the handler attributes have in common, and `#[function]` and the triggers by a resource.

use crate::arguments::Arguments;
use crate::{names, record};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Expr, FnArg, ItemFn, ReturnType, Type};

/// A handler function, checked for what no handler can be.
pub(crate) struct Handler {
    pub(crate) item: ItemFn,
    pub(crate) name: Ident,
    pub(crate) arguments: Vec<Type>,
    pub(crate) returns: TokenStream,
}

impl Handler {
    pub(crate) fn parse(attribute: &str, item: TokenStream) -> syn::Result<Handler> {
        let item: ItemFn = syn::parse2(item.clone()).map_err(|_| {
            syn::Error::new(
                item.span(),
                format!("#[{attribute}] stands on a function: `async fn name(…) -> … {{ … }}`"),
            )
        })?;
        if item.sig.asyncness.is_none() {
            return Err(syn::Error::new(
                item.sig.fn_token.span,
                format!("a handler is async: write `async fn {}`", item.sig.ident),
            ));
        }
        if !item.sig.generics.params.is_empty() {
            return Err(syn::Error::new(
                item.sig.generics.span(),
                "a handler has no generic parameters: the platform calls it by name",
            ));
        }
        let arguments = item
            .sig
            .inputs
            .iter()
            .map(|argument| match argument {
                FnArg::Typed(typed) => Ok((*typed.ty).clone()),
                FnArg::Receiver(receiver) => Err(syn::Error::new(
                    receiver.span(),
                    "a handler is a free function: it has no `self`",
                )),
            })
            .collect::<syn::Result<_>>()?;
        let returns = match &item.sig.output {
            ReturnType::Default => quote!(()),
            ReturnType::Type(_, ty) => quote!(#ty),
        };
        Ok(Handler {
            name: item.sig.ident.clone(),
            item,
            arguments,
            returns,
        })
    }

    pub(crate) fn conditions(&self) -> Vec<&Attribute> {
        self.item
            .attrs
            .iter()
            .filter(|attribute| attribute.path().is_ident("cfg"))
            .collect()
    }

    /// The return type as a generic argument, so that a type which cannot be returned is an error
    /// at the user's own token. An opaque type cannot be named: it is left to inference.
    pub(crate) fn returned(&self) -> TokenStream {
        let opaque = self
            .returns
            .clone()
            .into_iter()
            .any(|token| token.to_string() == "impl");
        match opaque {
            true => quote!(_),
            false => self.returns.clone(),
        }
    }

    /// The function itself and, beside it, `body` in a scope of its own.
    pub(crate) fn with(&self, body: &TokenStream) -> TokenStream {
        let item = &self.item;
        let conditions = self.conditions();
        quote! {
            #item
            #(#conditions)*
            const _: () = {
                #body
            };
        }
    }
}

/// Bindings for the arguments from `skip` on, each made by `$function::<Type>` of the SDK at the
/// argument's own span; a failure ends the handler.
pub(crate) fn injected(
    handler: &Handler,
    skip: usize,
    function: &TokenStream,
    input: &TokenStream,
    failed: &TokenStream,
) -> (TokenStream, Vec<Ident>) {
    let mut bindings = TokenStream::new();
    let mut variables = Vec::new();
    for (position, ty) in handler.arguments.iter().enumerate().skip(skip) {
        let variable = format_ident!("argument{position}");
        let make = quote_spanned!(ty.span()=> ::ifc::__private::#function::<#ty>(#input).await);
        bindings.extend(quote! {
            let #variable = match #make {
                ::core::result::Result::Ok(value) => value,
                ::core::result::Result::Err(error) => #failed,
            };
        });
        variables.push(variable);
    }
    (bindings, variables)
}

/// `#[function]`.
pub(crate) fn function(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let handler = Handler::parse("function", item)?;
    let mut arguments: Arguments = syn::parse2(arguments)?;
    if let Some(positional) = &arguments.positional {
        return Err(syn::Error::new(
            positional.span(),
            "#[function] takes only `knob = value`",
        ));
    }
    let name = &handler.name;
    let unit = names::unit(name, arguments.take_name()?.as_ref())?;
    let mut known = record::open("handler", name);
    known.text("name").text(&unit);
    known.text("trigger").map().text("type").text("call").end();
    let calls = arguments.calls();
    let statics = record::statics(
        &known,
        name,
        &quote!(::ifc::__private::CallOptions::NEW #calls .__ifc_encode(&mut encoder);),
    );
    let entry = record::table_entry("Call", &unit);
    let argument = handler
        .arguments
        .first()
        .map_or_else(|| quote!(()), |ty| quote!(#ty));
    let argument_span = handler.arguments.first().map_or(name.span(), Spanned::span);
    let (bindings, variables) = injected(
        &handler,
        1,
        &quote!(from_invocation),
        &quote!(),
        &quote!(return ::core::result::Result::Err(error)),
    );
    let call = match handler.arguments.is_empty() {
        true => quote!(#name()),
        false => quote!(#name(argument #(, #variables)*)),
    };
    let returns = &handler.returns;
    let returned = handler.returned();
    let reply = quote!(::ifc::__private::into_reply::<#returned>);
    let decode = quote_spanned!(argument_span=> ::ifc::__private::argument::<#argument>);
    let package = names::package();
    let visibility = &handler.item.vis;
    let conditions = handler.conditions();
    let doc = format!("Invokes the function [`{name}`](fn@{name}) as the unit `{unit}`.");
    let body = quote! {
        #statics
        fn thunk(
            input: ::std::vec::Vec<u8>,
        ) -> ::ifc::__private::BoxFuture<
            'static,
            ::core::result::Result<::std::vec::Vec<u8>, ::ifc::HandlerError>,
        > {
            ::std::boxed::Box::pin(async move {
                #[allow(unused_variables)]
                let argument: #argument = #decode(&input)?;
                #bindings
                #reply(#call.await)
            })
        }
        #entry
        impl ::ifc::__private::Resource for #name {
            type Handle = ();
            const NAME: &'static str = #unit;
            const PACKAGE: &'static str = #package;
            const RECORD: &'static ::ifc::__private::Header = RECORD.header();
            fn handle() -> &'static Self::Handle {
                &()
            }
        }
        #[allow(dead_code)]
        impl #name {
            /// Runs the function and waits for its reply. See
            /// [`FunctionOperations::invoke`](::ifc::runtime::function::FunctionOperations::invoke).
            pub fn invoke(
                argument: &#argument,
            ) -> impl ::core::future::Future<
                Output = ::core::result::Result<
                    <#returns as ::ifc::__private::FunctionReply>::Reply,
                    ::ifc::Error,
                >,
            > + ::core::marker::Send + use<> {
                ::ifc::__private::invoke::<#name, _, _>(argument)
            }
            /// Leaves the argument for the function to run with later; returns the event's id. See
            /// [`FunctionOperations::invoke_async`](::ifc::runtime::function::FunctionOperations::invoke_async).
            pub fn invoke_async(
                argument: &#argument,
            ) -> impl ::core::future::Future<
                Output = ::core::result::Result<::std::string::String, ::ifc::Error>,
            > + ::core::marker::Send + use<> {
                ::ifc::__private::invoke_async::<#name, _>(argument)
            }
        }
    };
    let expanded = handler.with(&body);
    Ok(quote! {
        #(#conditions)*
        #[doc = #doc]
        #[allow(non_camel_case_types, dead_code)]
        #visibility enum #name {}
        #expanded
    })
}

/// The trait of the SDK that a handle with events of some sort implements: it has the options'
/// starting value and the events' type.
pub(crate) enum Events {
    /// Every handle of the kind has them, and handlers all get the same type.
    Of(&'static str),
    /// As [`Of`](Events::Of), for a source whose knobs decide whether it has such events: the
    /// options have a method that looks at the resource's value.
    WithKnobs(&'static str),
    /// As [`WithKnobs`](Events::WithKnobs), and what a handler gets depends on what it takes: the
    /// trait has the first argument's type as its parameter.
    ByArgument(&'static str),
}

impl From<&'static str> for Events {
    fn from(source: &'static str) -> Events {
        Events::Of(source)
    }
}

/// A trigger by events of a resource, for example `#[consumer(ORDERS, batch = 10)]`.
///
/// `edge` is the attribute's name. What is peculiar to the source is in its trait of the SDK, so
/// this function serves every kind.
pub(crate) fn source(
    edge: &str,
    events: impl Into<Events>,
    arguments: TokenStream,
    item: TokenStream,
) -> syn::Result<TokenStream> {
    let handler = Handler::parse(edge, item)?;
    let mut arguments: Arguments = syn::parse2(arguments)?;
    let Some(Expr::Path(resource)) = arguments.positional.take() else {
        return Err(syn::Error::new(
            Span::call_site(),
            format!("name the resource first: #[{edge}(NAME)]"),
        ));
    };
    if handler.arguments.is_empty() {
        return Err(syn::Error::new(
            handler.item.sig.paren_token.span.join(),
            format!("the handler of a {edge} takes the event's body as its first argument"),
        ));
    }
    let resource = &resource.path;
    let name = &handler.name;
    let unit = names::unit(name, arguments.take_name()?.as_ref())?;
    let first = &handler.arguments[0];
    let (source, parameter, looks_at_knobs) = match events.into() {
        Events::Of(source) => (source, None, false),
        Events::WithKnobs(source) => (source, None, true),
        Events::ByArgument(source) => (source, Some(quote!(<#first>)), true),
    };
    let source = Ident::new(source, Span::call_site());
    let source = quote!(#source #parameter);
    let mut known = record::open("handler", name);
    known.text("name").text(&unit);
    let mut opened = crate::cbor::Cbor::default();
    opened
        .text("trigger")
        .map()
        .text("type")
        .text("source")
        .text("edge")
        .text(edge);
    let opened = opened.literal();
    let calls = arguments.calls();
    let options = quote_spanned! {resource.span()=>
        <<#resource as ::ifc::__private::Resource>::Handle as ::ifc::__private::#source>::OPTIONS
    };
    let look = match looks_at_knobs {
        true => quote_spanned!(resource.span()=> .__ifc_of(&#resource)),
        false => TokenStream::new(),
    };
    let statics = record::statics(
        &known,
        name,
        &quote! {
            encoder.raw(#opened);
            ::ifc::__private::encode_address::<#resource, N>("resource", &mut encoder);
            #options #look #calls .__ifc_encode(&mut encoder);
        },
    );
    let entry = record::table_entry("Event", &unit);
    let (bindings, variables) = injected(
        &handler,
        1,
        &quote!(from_invocation),
        &quote!(),
        &quote!(return ::core::result::Result::Err(error)),
    );
    let run = quote_spanned! {first.span()=>
        ::ifc::__private::run_events::<
            <<#resource as ::ifc::__private::Resource>::Handle
                as ::ifc::__private::#source>::Body,
            #first,
            _, _,
        >
    };
    let returned = handler.returned();
    let outcome = quote!(::ifc::__private::into_outcomes::<#returned>);
    let body = quote! {
        #statics
        fn thunk(
            deliveries: ::std::vec::Vec<::ifc::__private::Delivery>,
        ) -> ::ifc::__private::BoxFuture<'static, ::std::vec::Vec<::ifc::Outcome>> {
            ::std::boxed::Box::pin(#run(deliveries, |argument| async move {
                #bindings
                ::core::result::Result::Ok(#outcome(#name(argument #(, #variables)*).await))
            }))
        }
        #entry
    };
    Ok(handler.with(&body))
}
