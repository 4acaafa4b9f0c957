//! A provider in memory with one table, for entries that need stored data. One for each thread,
//! emptied for every input: opening one takes longer than an input.

use ifc::prelude::*;
use ifc_local::{Local, Storage};
use ifc_runtime::table::{Consistency, Item as Stored, Key, KeyValue, Scan, TableOperations as _};
use ifc_runtime::{Application, SystemClock, Target};
use serde_json::json;
use std::sync::Arc;
use tokio::runtime::Runtime;

#[derive(Serialize, Deserialize, Item)]
struct Visit {
    #[item(key)]
    page: String,
    #[item(sort)]
    at: String,
    #[item(index = "by-who")]
    who: Option<String>,
}

#[resource]
static VISITS: Table<Visit> = Table::new("visits");

/// The table.
pub(crate) const TABLE: Target<'static> = Target {
    package: "ifc-fuzz-entries",
    name: "visits",
};

pub(crate) struct Shop {
    pub(crate) local: Arc<Local>,
    runtime: Runtime,
}

impl Shop {
    fn open() -> Shop {
        // The declaration has to be linked.
        let _ = VISITS.query("");
        let application = Application::load(TABLE.package).expect("sound declarations");
        let local = Local::open(
            Arc::new(application),
            Storage::Memory,
            Arc::new(SystemClock),
        );
        Shop {
            local: local.expect("memory can be opened"),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("the operating system grants a runtime"),
        }
    }

    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// All items.
    pub(crate) fn items(&self) -> Vec<Stored> {
        let scan = Scan {
            limit: 1_000,
            cursor: None,
            consistency: Consistency::Strong,
        };
        let page = self.run(self.local.scan(TABLE, scan));
        page.expect("a scan needs nothing").items
    }

    fn empty(&self) {
        for item in self.items() {
            let key = key_of(&item);
            let removed = self.run(self.local.delete(TABLE, key, Vec::new()));
            removed.expect("no condition, no conflict");
        }
    }
}

/// The key of a stored item.
pub(crate) fn key_of(item: &Stored) -> Key {
    let text = |name: &str| item.get(name).and_then(|value| value.as_str());
    Key {
        partition: KeyValue::String(text("page").unwrap_or_default().to_owned()),
        sort: text("at").map(|at| KeyValue::String(at.to_owned())),
    }
}

/// An item with this key and attributes.
pub(crate) fn item(page: &str, at: &str, who: Option<&str>) -> Stored {
    let item = json!({ "page": page, "at": at, "who": who });
    item.as_object().cloned().unwrap_or_default()
}

/// Does something with this thread's empty shop.
pub(crate) fn with(work: impl FnOnce(&Shop)) {
    thread_local! {
        static SHOP: Shop = Shop::open();
    }
    SHOP.with(|shop| {
        shop.empty();
        work(shop);
    });
}
