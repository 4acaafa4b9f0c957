//! Attribute arguments: an optional positional expression and `knob = expression` pairs.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Ident, Lit, LitStr, Token};

/// One `knob = expression`.
pub(crate) struct Knob {
    pub(crate) name: Ident,
    pub(crate) value: Expr,
}

/// Parsed arguments of an attribute.
pub(crate) struct Arguments {
    pub(crate) positional: Option<Expr>,
    pub(crate) knobs: Vec<Knob>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut arguments = Arguments {
            positional: None,
            knobs: Vec::new(),
        };
        while !input.is_empty() {
            if input.peek(Ident) && input.peek2(Token![=]) && !input.peek2(Token![==]) {
                let name: Ident = input.parse()?;
                input.parse::<Token![=]>()?;
                let value: Expr = input.parse()?;
                if arguments.knobs.iter().any(|knob| knob.name == name) {
                    return Err(syn::Error::new(
                        name.span(),
                        format!("`{name}` is given twice"),
                    ));
                }
                arguments.knobs.push(Knob { name, value });
            } else {
                let expression: Expr = input.parse()?;
                if arguments.positional.is_some() || !arguments.knobs.is_empty() {
                    return Err(syn::Error::new(
                        expression.span(),
                        "expected `knob = value` here",
                    ));
                }
                arguments.positional = Some(expression);
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}

impl Arguments {
    /// Takes the knob called `name` out.
    pub(crate) fn take(&mut self, name: &str) -> Option<Knob> {
        let position = self.knobs.iter().position(|knob| knob.name == name)?;
        Some(self.knobs.remove(position))
    }

    /// Takes the `name` knob out, which must be a string literal: the record needs it at expansion.
    pub(crate) fn take_name(&mut self) -> syn::Result<Option<LitStr>> {
        match self.take("name") {
            None => Ok(None),
            Some(knob) => string_literal(&knob.value)
                .cloned()
                .map(Some)
                .ok_or_else(|| syn::Error::new(knob.value.span(), "`name` is a string literal")),
        }
    }

    /// The remaining knobs as a chain of const method calls, each at the user's own tokens, so that
    /// an unknown knob and a wrong type are errors there.
    pub(crate) fn calls(&self) -> TokenStream {
        self.knobs
            .iter()
            .map(|Knob { name, value }| {
                // The call's parentheses carry the value's span: that is where the compiler points
                // when the method rejects the value in const evaluation.
                quote_spanned!(value.span()=> .#name(#value))
            })
            .collect()
    }
}

/// The expression as a string literal.
pub(crate) fn string_literal(expression: &Expr) -> Option<&LitStr> {
    match expression {
        Expr::Lit(ExprLit {
            lit: Lit::Str(literal),
            ..
        }) => Some(literal),
        _ => None,
    }
}
