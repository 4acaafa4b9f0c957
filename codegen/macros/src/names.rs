//! Names at expansion time: the package being compiled, units, suggestions.

use ifc_manifest::name;
use ifc_manifest::suggest::nearest;
use proc_macro2::Ident;

/// The cargo package being compiled. Outside cargo there is none to tell apart.
pub(crate) fn package() -> String {
    std::env::var("CARGO_PKG_NAME").unwrap_or_else(|_| "unknown".to_owned())
}

/// The unit name of a handler, from its identifier or from its `name` knob.
pub(crate) fn unit(identifier: &Ident, explicit: Option<&syn::LitStr>) -> syn::Result<String> {
    let (name, span) = match explicit {
        Some(literal) => (literal.value(), literal.span()),
        None => (
            name::unit_from_identifier(&identifier.to_string()),
            identifier.span(),
        ),
    };
    match name::check(&name, name::RESOURCE_NAME_BYTES_MAX) {
        Ok(()) => Ok(name),
        Err(error) => {
            let found = error
                .resource_message()
                .replace("resource name", "unit name");
            let help = match explicit {
                Some(_) => String::new(),
                None => format!(
                    " (the unit `{name}` is named after its function; give it another name \
                     with `name = \"…\"`)"
                ),
            };
            Err(syn::Error::new(span, found + &help))
        }
    }
}

/// `; did you mean …?` when one of the candidates is close.
pub(crate) fn did_you_mean<'a>(
    wrong: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> String {
    nearest(wrong, candidates)
        .map(|candidate| format!("; did you mean `{candidate}`?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_are_close_or_absent() {
        assert_eq!(
            did_you_mean("custmer", ["id", "customer"]),
            "; did you mean `customer`?"
        );
        assert_eq!(did_you_mean("total", ["id", "customer"]), "");
    }
}
