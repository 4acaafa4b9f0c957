//! What a struct's fields and attributes say, with every mistake reported.

use super::serde_names::{self, SerdeNames};
use crate::names::did_you_mean;
use ifc_manifest::kind::table;
use ifc_manifest::{Targets, name};
use proc_macro2::{Ident, Span};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Fields, LitStr, Type, Visibility};

/// A field that is stored as an attribute.
pub(super) struct Field {
    pub(super) identifier: Ident,
    pub(super) visibility: Visibility,
    pub(super) ty: Type,
    /// Its name in the stored item.
    pub(super) stored: String,
}

/// A secondary index; fields by their position in [`Model::fields`].
pub(super) struct Index {
    pub(super) name: String,
    pub(super) key: usize,
    pub(super) sort: Option<usize>,
}

/// An item type.
pub(super) struct Model {
    pub(super) identifier: Ident,
    pub(super) fields: Vec<Field>,
    pub(super) key: usize,
    pub(super) sort: Option<usize>,
    pub(super) indexes: Vec<Index>,
    pub(super) ttl: Option<usize>,
    pub(super) version: Option<usize>,
}

/// Collects mistakes, so that all are shown at once.
#[derive(Default)]
struct Mistakes(Option<syn::Error>);

impl Mistakes {
    fn add(&mut self, span: Span, message: impl std::fmt::Display) {
        let error = syn::Error::new(span, message);
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }
}

/// An index as the attributes mention it, piece by piece.
struct Mention {
    name: LitStr,
    key: Option<usize>,
    sort: Option<usize>,
}

#[derive(Default)]
struct Parser {
    fields: Vec<Field>,
    key: Option<usize>,
    sort: Option<usize>,
    ttl: Option<usize>,
    version: Option<usize>,
    mentions: Vec<Mention>,
    mistakes: Mistakes,
}

impl Model {
    pub(super) fn parse(input: &DeriveInput) -> syn::Result<Model> {
        let Data::Struct(data) = &input.data else {
            return Err(shape(input));
        };
        let Fields::Named(fields) = &data.fields else {
            return Err(shape(input));
        };
        if !input.generics.params.is_empty() {
            return Err(syn::Error::new(
                input.generics.span(),
                "an item type has no generic parameters",
            ));
        }
        let mut parser = Parser::default();
        let rule = SerdeNames::parse(&input.attrs)?.rename_all;
        for field in &fields.named {
            parser.field(field, rule.as_deref())?;
        }
        for attribute in input.attrs.iter().filter(|a| a.path().is_ident("item")) {
            attribute.parse_nested_meta(|meta| parser.struct_attribute(&meta))?;
        }
        parser.finish(input)
    }
}

fn shape(input: &DeriveInput) -> syn::Error {
    syn::Error::new(
        input.ident.span(),
        "derive(Item) needs a struct with named fields: each becomes an attribute of the item",
    )
}

impl Parser {
    fn field(&mut self, field: &syn::Field, rule: Option<&str>) -> syn::Result<()> {
        let Some(identifier) = field.ident.clone() else {
            return Ok(());
        };
        let serde = SerdeNames::parse(&field.attrs)?;
        let plain = identifier.to_string();
        let plain = plain.strip_prefix("r#").unwrap_or(&plain);
        let stored = serde
            .rename
            .clone()
            .unwrap_or_else(|| serde_names::apply(rule, plain));
        let position = self.fields.len();
        let marked = field.attrs.iter().any(|a| a.path().is_ident("item"));
        if serde.absent {
            if marked {
                self.mistakes.add(
                    identifier.span(),
                    format!("`{identifier}` is not stored as an attribute of its own, so it cannot be a key"),
                );
            }
            return Ok(());
        }
        if stored.starts_with('_') {
            self.mistakes.add(
                identifier.span(),
                format!("attribute names that begin with `_` are reserved: rename `{stored}`"),
            );
        }
        self.fields.push(Field {
            identifier: identifier.clone(),
            visibility: field.vis.clone(),
            ty: field.ty.clone(),
            stored,
        });
        for attribute in field.attrs.iter().filter(|a| a.path().is_ident("item")) {
            attribute.parse_nested_meta(|meta| self.field_attribute(&meta, position))?;
        }
        Ok(())
    }

    fn field_attribute(
        &mut self,
        meta: &syn::meta::ParseNestedMeta<'_>,
        position: usize,
    ) -> syn::Result<()> {
        let word = meta
            .path
            .get_ident()
            .map(Ident::to_string)
            .unwrap_or_default();
        let slot = match word.as_str() {
            "key" => &mut self.key,
            "sort" => &mut self.sort,
            "ttl" => &mut self.ttl,
            "version" => &mut self.version,
            "index" => {
                let name: LitStr = meta.value()?.parse()?;
                self.mention(name, |mention| &mut mention.key, position);
                return Ok(());
            }
            "index_sort" => {
                let name: LitStr = meta.value()?.parse()?;
                self.mention(name, |mention| &mut mention.sort, position);
                return Ok(());
            }
            _ => {
                let known = ["key", "sort", "ttl", "version", "index", "index_sort"];
                let suggestion = did_you_mean(&word, known);
                let message = format!("unknown attribute `{word}`{suggestion}");
                self.mistakes.add(meta.path.span(), message);
                if meta.input.peek(syn::Token![=]) {
                    meta.value()?.parse::<syn::Expr>()?;
                }
                return Ok(());
            }
        };
        if slot.replace(position).is_some() {
            let message = format!("a second #[item({word})]: an item has at most one");
            self.mistakes.add(meta.path.span(), message);
        }
        Ok(())
    }

    fn mention(
        &mut self,
        name: LitStr,
        part: impl Fn(&mut Mention) -> &mut Option<usize>,
        position: usize,
    ) {
        let found = self
            .mentions
            .iter()
            .position(|mention| mention.name.value() == name.value());
        let index = found.unwrap_or_else(|| {
            self.mentions.push(Mention {
                name: name.clone(),
                key: None,
                sort: None,
            });
            self.mentions.len() - 1
        });
        if part(&mut self.mentions[index]).replace(position).is_some() {
            let message = format!("index `{}` has this part already", name.value());
            self.mistakes.add(name.span(), message);
        }
    }

    /// `#[item(index(name = "by-day", key = day, sort = at))]`.
    fn struct_attribute(&mut self, meta: &syn::meta::ParseNestedMeta<'_>) -> syn::Result<()> {
        if !meta.path.is_ident("index") {
            return Err(
                meta.error("on the struct only `index(name = \"…\", key = field)` is known")
            );
        }
        let mut name: Option<LitStr> = None;
        let mut key: Option<Ident> = None;
        let mut sort: Option<Ident> = None;
        meta.parse_nested_meta(|inner| {
            match inner.path.get_ident().map(Ident::to_string).as_deref() {
                Some("name") => name = Some(inner.value()?.parse()?),
                Some("key") => key = Some(inner.value()?.parse()?),
                Some("sort") => sort = Some(inner.value()?.parse()?),
                _ => return Err(inner.error("an index has `name`, `key` and `sort`")),
            }
            Ok(())
        })?;
        let (Some(name), Some(key)) = (name, key) else {
            return Err(meta.error("an index needs `name = \"…\"` and `key = field`"));
        };
        if let Some(position) = self.position(&key) {
            self.mention(name.clone(), |mention| &mut mention.key, position);
        }
        if let Some(position) = sort.and_then(|sort| self.position(&sort)) {
            self.mention(name, |mention| &mut mention.sort, position);
        }
        Ok(())
    }

    fn position(&mut self, field: &Ident) -> Option<usize> {
        let found = self.fields.iter().position(|f| f.identifier == *field);
        if found.is_none() {
            let names: Vec<String> = self
                .fields
                .iter()
                .map(|field| field.identifier.to_string())
                .collect();
            let suggestion = did_you_mean(&field.to_string(), names.iter().map(String::as_str));
            self.mistakes
                .add(field.span(), format!("no field `{field}`{suggestion}"));
        }
        found
    }

    fn finish(mut self, input: &DeriveInput) -> syn::Result<Model> {
        if self.key.is_none() {
            self.mistakes.add(
                input.ident.span(),
                "mark the field that identifies an item with #[item(key)]",
            );
        }
        let mut indexes = Vec::new();
        for mention in std::mem::take(&mut self.mentions) {
            let text = mention.name.value();
            if let Err(error) = name::check(&text, name::RESOURCE_NAME_BYTES_MAX) {
                let message = error
                    .resource_message()
                    .replace("resource name", "index name");
                self.mistakes.add(mention.name.span(), message);
            }
            match mention.key {
                Some(key) => indexes.push(Index {
                    name: text,
                    key,
                    sort: mention.sort,
                }),
                // A struct-level index whose key does not exist has been reported already.
                None if self.mistakes.0.is_some() => {}
                None => self.mistakes.add(
                    mention.name.span(),
                    format!(
                        "index `{text}` has a sort key but no partition key: \
                         mark a field with #[item(index = \"{text}\")]"
                    ),
                ),
            }
        }
        if !table::INDEXES.contains(indexes.len() as u64) {
            self.mistakes
                .add(input.ident.span(), table::INDEXES.sentence(Targets::ALL));
        }
        match (self.mistakes.0, self.key) {
            (Some(error), _) => Err(error),
            (None, Some(key)) => Ok(Model {
                identifier: input.ident.clone(),
                fields: self.fields,
                key,
                sort: self.sort,
                indexes,
                ttl: self.ttl,
                version: self.version,
            }),
            (None, None) => Err(shape(input)),
        }
    }
}
