//! Reading all items.

use super::item::Item;
use super::operation::{LIMIT_DEFAULT, Page, decode, environment, within};
use crate::awaitable::awaitable;
use crate::cursor::Cursor;
use ifc_manifest::kind::table as kind;
use ifc_runtime::table::{self as runtime, Consistency};
use ifc_runtime::{Error, ErrorKind, Grant, Target};
use std::marker::PhantomData;

/// A read of all items. See [`Table::scan`](super::Table::scan).
#[must_use = "the items are read when this is awaited"]
pub struct Scan<T> {
    grant: &'static Grant,
    scan: runtime::Scan,
    marker: PhantomData<fn() -> T>,
}

impl<T: Item> Scan<T> {
    pub(super) fn new(grant: &'static Grant) -> Self {
        Scan {
            grant,
            scan: runtime::Scan {
                limit: LIMIT_DEFAULT,
                cursor: None,
                consistency: Consistency::Strong,
            },
            marker: PhantomData,
        }
    }

    /// Most items on the page, 1 to 1,000. Default 100.
    pub fn limit(mut self, items: u32) -> Self {
        self.scan.limit = items;
        self
    }

    /// Goes on where a page ended.
    pub fn after(mut self, cursor: &Cursor) -> Self {
        self.scan.cursor = Some(cursor.0.clone());
        self
    }

    /// Allows an answer that is some time behind.
    pub fn eventual(mut self) -> Self {
        self.scan.consistency = Consistency::Eventual;
        self
    }

    async fn run(self, target: Target<'static>) -> Result<Page<T>, Error> {
        within(
            &kind::SCAN_LIMIT,
            self.scan.limit.into(),
            ErrorKind::Invalid,
        )?;
        let environment = environment(target, kind::SCAN)?;
        let page = environment.provider.scan(target, self.scan).await?;
        let items = page.items.into_iter();
        Ok(Page {
            items: items
                .map(|item| decode(item, target, kind::SCAN))
                .collect::<Result<_, _>>()?,
            cursor: page.cursor.map(Cursor),
        })
    }
}

awaitable!([T: Item] Scan<T> => Page<T>, kind::SCAN);
