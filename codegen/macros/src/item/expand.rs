//! The implementation of `Item` and the constants for attributes and indexes.

use super::model::{Field, Index, Model};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

pub(super) fn expand(model: &Model) -> TokenStream {
    let item = &model.identifier;
    let implementation = implementation(model);
    let attributes = model.fields.iter().map(|field| attribute(item, field));
    let indexes = model.indexes.iter().map(|i| index(model, i));
    quote! {
        #[automatically_derived]
        #implementation
        /// Names of the stored attributes and indexes, for conditions, updates and queries.
        #[automatically_derived]
        #[allow(dead_code)]
        impl #item {
            #(#attributes)*
            #(#indexes)*
        }
    }
}

fn attribute(item: &Ident, field: &Field) -> TokenStream {
    let name = constant(&field.identifier.to_string(), field.identifier.span());
    let (visibility, ty, stored) = (&field.visibility, &field.ty, &field.stored);
    let doc = format!("The attribute `{stored}`.");
    quote! {
        #[doc = #doc]
        #visibility const #name: ::ifc::Attribute<#item, #ty> =
            ::ifc::Attribute::__ifc_new(#stored);
    }
}

fn index(model: &Model, index: &Index) -> TokenStream {
    let item = &model.identifier;
    let key = &model.fields[index.key];
    let name = constant(&index.name.replace('-', "_"), key.identifier.span());
    let (visibility, text) = (&key.visibility, &index.name);
    let key_of = |field: &Field| {
        let ty = &field.ty;
        quote_spanned!(ty.span()=> <#ty as ::ifc::IndexAttribute>::Key)
    };
    let key_type = key_of(key);
    let sort_type = match index.sort {
        Some(sort) => key_of(&model.fields[sort]),
        None => quote!(::ifc::NoSortKey),
    };
    let doc = format!("The index `{text}`.");
    quote! {
        #[doc = #doc]
        #visibility const #name: ::ifc::Index<#item, #key_type, #sort_type> =
            ::ifc::Index::__ifc_new(#text);
    }
}

fn constant(name: &str, span: Span) -> Ident {
    Ident::new(name.trim_start_matches("r#").to_uppercase().as_str(), span)
}

fn implementation(model: &Model) -> TokenStream {
    let item = &model.identifier;
    let key = &model.fields[model.key];
    let sort = model.sort.map(|position| &model.fields[position]);
    let key_schema = schema(key, "KeyAttribute");
    let sort_schema = optional(sort.map(|field| schema(field, "KeyAttribute")));
    let indexes = model.indexes.iter().map(|index| {
        let name = &index.name;
        let index_schema = |position: usize| schema(&model.fields[position], "IndexAttribute");
        let key = index_schema(index.key);
        let sort = optional(index.sort.map(index_schema));
        quote!(::ifc::__private::IndexSchema { name: #name, key: #key, sort: #sort })
    });
    let ttl = model.ttl.map(|position| &model.fields[position]);
    let version = model.version.map(|position| &model.fields[position]);
    let ttl_name = optional(ttl.map(|field| stored_if(field, "TtlAttribute")));
    let version_name = optional(version.map(|field| stored_if(field, "VersionAttribute")));
    let key_type = &key.ty;
    let sort_type = sort.map_or_else(
        || quote!(::ifc::NoSortKey),
        |field| {
            let ty = &field.ty;
            quote!(#ty)
        },
    );
    let key_identifier = &key.identifier;
    let sort_value = match sort {
        Some(field) => {
            let identifier = &field.identifier;
            quote!(::core::option::Option::Some(&self.#identifier))
        }
        None => quote!(::core::option::Option::None),
    };
    let version_value = match version {
        Some(field) => {
            let identifier = &field.identifier;
            quote!(::core::option::Option::Some(self.#identifier))
        }
        None => quote!(::core::option::Option::None),
    };
    quote! {
        impl ::ifc::Item for #item {
            type Partition = #key_type;
            type Sort = #sort_type;
            const SCHEMA: ::ifc::__private::ItemSchema = ::ifc::__private::ItemSchema {
                key: #key_schema,
                sort: #sort_schema,
                indexes: &[#(#indexes),*],
                ttl: #ttl_name,
                version: #version_name,
            };
            fn partition(&self) -> &Self::Partition {
                &self.#key_identifier
            }
            fn sort(&self) -> ::core::option::Option<&Self::Sort> {
                #sort_value
            }
            fn version(&self) -> ::core::option::Option<u64> {
                #version_value
            }
        }
    }
}

/// The schema of a key attribute; a type that cannot be a key is an error at the field's type.
fn schema(field: &Field, capability: &str) -> TokenStream {
    let (stored, ty) = (&field.stored, &field.ty);
    let capability = Ident::new(capability, Span::call_site());
    let scalar = quote_spanned!(ty.span()=> <#ty as ::ifc::#capability>::SCALAR);
    quote!(::ifc::__private::KeySchema { name: #stored, scalar: #scalar })
}

/// The stored name, with a check that the field's type has the trait.
fn stored_if(field: &Field, capability: &str) -> TokenStream {
    let (stored, ty) = (&field.stored, &field.ty);
    let capability = Ident::new(capability, Span::call_site());
    let check = quote_spanned!(ty.span()=> <#ty as ::ifc::__private::#capability>::CHECK);
    quote!({ let () = #check; #stored })
}

fn optional(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}
