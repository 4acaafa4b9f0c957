//! What the shapes work with: resources of every kind, and values to put into them.

use ifc::Charset;
use ifc::prelude::*;

/// What functions of the corpus are called with: a number that drives their branches.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Draw {
    pub(crate) number: u64,
}

impl Draw {
    /// One of `count` branches.
    pub(crate) fn pick(&self, count: u64) -> u64 {
        self.number % count
    }

    pub(crate) fn even(&self) -> bool {
        self.pick(2) == 0
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) number: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, Item)]
pub(crate) struct Order {
    #[item(key)]
    pub(crate) id: String,
    #[item(index = "by-customer")]
    pub(crate) customer: String,
    pub(crate) total: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, Item)]
pub(crate) struct Visit {
    #[item(key)]
    pub(crate) page: String,
    #[item(sort)]
    pub(crate) at: u64,
    pub(crate) note: Option<String>,
}

pub(crate) const fn job(number: u64) -> Job {
    Job { number }
}

pub(crate) fn order(number: u64) -> Order {
    Order {
        id: format!("o-{number}"),
        customer: "ada".to_owned(),
        total: number,
    }
}

pub(crate) fn visit(at: u64) -> Visit {
    Visit {
        page: "home".to_owned(),
        at,
        note: None,
    }
}

/// Runs something beside the caller, as code that cannot wait does.
pub(crate) fn detach<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) {
    tokio::spawn(future);
}

#[resource]
pub(crate) static ORDERS: Table<Order> = Table::new("orders");

/// The same item type as `ORDERS`.
#[resource]
pub(crate) static ARCHIVE: Table<Order> = Table::new("archive");

#[resource]
pub(crate) static VISITS: Table<Visit> = Table::new("visits");

#[resource]
pub(crate) static FOLLOWED: Table<Order> = Table::new("followed").stream();

#[resource]
pub(crate) static POSTED: Table<Order> = Table::new("posted").stream();

#[resource]
pub(crate) static HANDLED: Table<ifc::Handled> = Table::new("handled");

#[resource]
pub(crate) static CIRCUITS: Table<ifc::Circuit> = Table::new("circuits");

#[resource]
pub(crate) static ONCE_ONLY: Queue<Job> = Queue::new("once-only");

#[resource]
pub(crate) static FILES: Bucket = Bucket::new("files");

#[resource]
pub(crate) static METERS: Stream<Job> = Stream::new("meters");

#[resource]
pub(crate) static JOBS: Queue<Job> = Queue::new("jobs").lease(seconds(60));

/// The same message type as `JOBS`.
#[resource]
pub(crate) static RETURNS: Queue<Job> = Queue::new("returns");

#[resource]
pub(crate) static EMAILS: Queue<Job> = Queue::new(concat!("e", "mails"));

#[resource]
pub(crate) static INVOICES: Queue<Job> = Queue::new("invoices");

#[resource]
pub(crate) static LEDGER: Queue<Job> = Queue::new("ledger").fifo();

/// Only code that never runs refers to it.
#[resource]
pub(crate) static VAULT: Queue<Job> = Queue::new("vault");

/// No code refers to it.
#[resource]
pub(crate) static UNUSED: Table<Order> = Table::new("unused");

#[resource]
pub(crate) static INBOX: Queue<Job> = Queue::new("inbox");

#[resource]
pub(crate) static BULK: Queue<Job> = Queue::new("bulk");

#[resource]
pub(crate) static SCORED: Queue<Job> = Queue::new("scored");

#[resource]
pub(crate) static STATED: Queue<Job> = Queue::new("stated");

#[resource]
pub(crate) static GROUPED: Queue<Job> = Queue::new("grouped").fifo();

#[resource]
pub(crate) static NEWS: Topic<Job> = Topic::new("news");

/// Takes what is published to `NEWS`, which is no use of it by anybody.
#[resource]
pub(crate) static CLIPPINGS: Queue<Job> = Queue::new("clippings").subscribed_to(&NEWS);

/// The same message type as `NEWS`.
#[resource]
pub(crate) static ALERTS: Topic<Job> = Topic::new("alerts").fifo();

#[derive(Clone, Debug, Serialize, Deserialize, BusEvent)]
#[event(type = "job.done")]
pub(crate) struct Done {
    pub(crate) number: u64,
}

#[derive(BusEvent)]
pub(crate) enum Progress {
    #[event(type = "job.begun")]
    Begun(Job),
    #[event(type = "job.done")]
    Done(Done),
}

#[resource]
pub(crate) static HAPPENED: EventBus = EventBus::new("happened").filterable(&["data.number"]);

/// The same event types as `HAPPENED`, in another application.
#[resource]
pub(crate) static ELSEWHERE: EventBus = EventBus::new("elsewhere").owned_by("other");

#[resource]
pub(crate) static API_KEY: Secret = Secret::new("api-key");

#[resource]
pub(crate) static TOKEN: Secret = Secret::new("token").generated(32, Charset::Alphanumeric);

#[resource]
pub(crate) static PAGE_SIZE: Config<u32> = Config::new("page-size").default_json("20");

#[resource]
pub(crate) static GREETING: Config<String> = Config::new("greeting").default_json("\"hello\"");
