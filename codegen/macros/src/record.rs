//! What every record has in common: its place in the source, and the statics that hold it.

use crate::cbor::Cbor;
use crate::names;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

/// Opens a record of `sort` about `identifier`: everything that is known at expansion.
pub(crate) fn open(sort: &str, identifier: &Ident) -> Cbor {
    let place = Place::of(identifier.span());
    let mut cbor = Cbor::default();
    cbor.map()
        .text("record")
        .text(sort)
        .text("package")
        .text(&names::package())
        .text("file")
        .text(&place.file)
        .text("line")
        .uint(place.line)
        .text("column")
        .uint(place.column)
        .text("length")
        .uint(identifier.to_string().chars().count() as u64);
    cbor
}

struct Place {
    file: String,
    line: u64,
    column: u64,
}

impl Place {
    fn of(span: Span) -> Place {
        // Outside a compiler (in our own unit tests) spans have no place.
        if !proc_macro::is_available() {
            return Place {
                file: "src/lib.rs".to_owned(),
                line: 1,
                column: 1,
            };
        }
        let span = span.unwrap();
        Place {
            file: span.file(),
            line: span.line() as u64,
            column: span.column() as u64,
        }
    }
}

/// The function that encodes the record and the static that holds it, named `RECORD`.
///
/// `known` is the open map; `rest` writes what only const evaluation knows into `encoder`. The map
/// is closed here. The function runs twice, first to count.
pub(crate) fn statics(known: &Cbor, path_of: &Ident, rest: &TokenStream) -> TokenStream {
    let known = known.literal();
    let name = path_of.to_string();
    quote! {
        const fn __ifc_record<const N: usize>() -> ::ifc::__private::Encoder<N> {
            let mut encoder = ::ifc::__private::Encoder::new();
            encoder
                .raw(#known)
                .text_entry("path", ::core::concat!(::core::module_path!(), "::", #name));
            #rest
            encoder.end();
            encoder
        }
        const LENGTH: usize = __ifc_record::<0>().length();
        #[used]
        #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = "ifc1_desc"))]
        #[cfg_attr(
            target_vendor = "apple",
            unsafe(link_section = "__DATA,__ifc1_desc,regular,no_dead_strip")
        )]
        static RECORD: ::ifc::__private::Record<LENGTH> =
            ::ifc::__private::Record::new(__ifc_record::<LENGTH>());
    }
}

/// The entry of the handler table for the thunk named `thunk`.
pub(crate) fn table_entry(variant: &str, name: &str) -> TokenStream {
    let variant = Ident::new(variant, Span::call_site());
    quote! {
        #[used]
        #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = "ifc1_hand"))]
        #[cfg_attr(
            target_vendor = "apple",
            unsafe(link_section = "__DATA,__ifc1_hand,regular,no_dead_strip")
        )]
        static ENTRY: ::ifc::__private::HandlerEntry = ::ifc::__private::HandlerEntry::new(
            RECORD.header(),
            ::ifc::__private::Thunk::#variant(thunk),
            #name,
        );
    }
}
