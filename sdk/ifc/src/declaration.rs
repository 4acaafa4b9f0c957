//! What `#[resource]` asks of every handle.

/// Adds the hidden functions that the macro calls, to a handle with a field `name`; `$knobs` are the
/// fields with its knobs.
macro_rules! declaration {
    ($kind:expr, $($knobs:ident),+) => {
        #[doc(hidden)]
        pub const fn __ifc_name(&self) -> &'static str {
            self.name
        }

        #[doc(hidden)]
        pub const fn __ifc_encode<const N: usize>(
            &self,
            encoder: &mut ::ifc_manifest::format::Encoder<N>,
        ) {
            encoder
                .text_entry("kind", $kind.as_str())
                .text_entry("name", self.name)
                .map_entry("config");
            $(self.$knobs.encode(encoder);)+
            encoder.end();
        }
    };
}
pub(crate) use declaration;
