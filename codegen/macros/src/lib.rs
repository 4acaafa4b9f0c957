//! The macros of `ifc`: thin entry points here, one module each for parsing and expansion.
//!
//! They know the record format and nothing about kinds or providers: what a knob means is decided
//! by const functions of the type the user wrote, so a new kind needs no change here. Generated
//! code refers to `::ifc::__private` only. Errors point at the user's own tokens.

mod arguments;
mod cbor;
mod entry;
mod event;
mod handler;
mod item;
mod names;
mod record;
mod resource;
mod route;
mod schedule;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as TokenStream2;
use syn::parse::Parser as _;

/// Turns the result of an expansion into tokens. On an error the user's item is kept, so that one
/// mistake does not make every use of the item an error of its own.
fn finish(result: syn::Result<TokenStream2>, item: TokenStream2) -> TokenStream {
    match result {
        Ok(tokens) => tokens.into(),
        Err(error) => {
            let mut tokens = error.to_compile_error();
            tokens.extend(item);
            tokens.into()
        }
    }
}

fn attribute(
    arguments: TokenStream,
    item: TokenStream,
    expand: impl FnOnce(TokenStream2, TokenStream2) -> syn::Result<TokenStream2>,
) -> TokenStream {
    let item = TokenStream2::from(item);
    finish(expand(arguments.into(), item.clone()), item)
}

/// Declares a resource.
///
/// ```ignore
/// #[resource]
/// pub static ORDERS: Queue<Order> = Queue::new("orders").lease(seconds(60));
/// ```
///
/// The static keeps its name and type. Beside it stands a type of the same name that identifies
/// the resource: `#[consumer(ORDERS)]` and `&Queue<Order, ORDERS>` refer to it. The value may be
/// any constant expression: consts, const functions, values of other crates.
#[proc_macro_attribute]
pub fn resource(arguments: TokenStream, item: TokenStream) -> TokenStream {
    attribute(arguments, item, resource::expand)
}

macro_rules! routes {
    ($($(#[$doc:meta])* $name:ident = $method:literal;)*) => {
        $(
            $(#[$doc])*
            ///
            /// The argument is the path template: `"/orders/{id}"`, with `{rest..}` as last segment
            /// for everything that follows. `api = ADMIN` serves the route from that `HttpApi`
            /// instead of the application's default one.
            ///
            /// The function takes axum extractors and returns anything that is `IntoResponse`.
            #[proc_macro_attribute]
            pub fn $name(arguments: TokenStream, item: TokenStream) -> TokenStream {
                attribute(arguments, item, |arguments, item| {
                    route::expand($method, arguments, item)
                })
            }
        )*
    };
}

routes! {
    /// Serves GET requests.
    get = "GET";
    /// Serves POST requests.
    post = "POST";
    /// Serves PUT requests.
    put = "PUT";
    /// Serves PATCH requests.
    patch = "PATCH";
    /// Serves DELETE requests.
    delete = "DELETE";
}

/// Makes an async function a unit of its own that can be invoked.
///
/// Its first parameter is the argument (any `DeserializeOwned` type), further ones may be
/// `State<T>`. It returns `Result<T, E>` with a serializable `T`. Call it from other handlers as
/// `name::invoke(&argument).await?`, or `name::invoke_async(&argument).await?` to have it run
/// later. Knobs: `name`, `timeout`, `memory_mb`, `max_instances`, `min_instances`, `concurrency`,
/// `arch`.
#[proc_macro_attribute]
pub fn function(arguments: TokenStream, item: TokenStream) -> TokenStream {
    attribute(arguments, item, handler::function)
}

/// Makes an async function the consumer of a queue: `#[consumer(ORDERS, batch = 10)]`.
///
/// Its first parameter is the message type, `Event<T>` for the message with its metadata, or
/// `Batch<T>`; further ones may be `State<T>`. It returns `()`, `Result<(), E>`, an `Outcome`, or
/// for a batch a `Vec<Outcome>`. Knobs: `batch`, `max_wait`, `max_concurrency`, and those of a
/// unit: `name`, `timeout`, `memory_mb`, `max_instances`, `min_instances`, `concurrency`,
/// `arch`.
#[proc_macro_attribute]
pub fn consumer(arguments: TokenStream, item: TokenStream) -> TokenStream {
    attribute(arguments, item, |arguments, item| {
        handler::source("consumer", "Consumable", arguments, item)
    })
}

/// Makes an async function a subscriber of a topic:
/// `#[subscriber(ORDER_EVENTS, filter = attribute("kind").any_of(&["placed"]))]`.
///
/// Its parameters and what it returns are those of a `#[consumer]`. A topic may have any number of
/// subscribers, each with a queue of its own. Knobs: `filter`, `max_attempts`,
/// `backoff = (min, max)`, `batch`, `max_wait`, `max_concurrency`, and those of a unit: `name`,
/// `timeout`, `memory_mb`, `max_instances`, `min_instances`, `concurrency`,
/// `arch`.
#[proc_macro_attribute]
pub fn subscriber(arguments: TokenStream, item: TokenStream) -> TokenStream {
    attribute(arguments, item, |arguments, item| {
        handler::source("subscriber", "Subscribable", arguments, item)
    })
}

/// Makes an async function a rule of an event bus: it gets the events of the types that its first
/// parameter can be.
///
/// `#[on_event(SHOP_EVENTS, pattern = Pattern::new().subject_prefix("o-"))]`
///
/// The first parameter is a type `T` that derives `BusEvent`, `CloudEvent<T>` for the event with its
/// context, or `Vec<CloudEvent<T>>`; with `serde_json::Value` for `T` it gets events of any type.
/// Further parameters may be `State<T>`. It returns what a `#[consumer]` returns. A bus may have any
/// number of rules, each with a queue of its own. Knobs: `pattern`, `max_attempts`,
/// `backoff = (min, max)`, `batch`, `max_wait`, `max_concurrency`, and those of a unit: `name`,
/// `timeout`, `memory_mb`, `max_instances`, `min_instances`, `concurrency`.
#[proc_macro_attribute]
pub fn on_event(arguments: TokenStream, item: TokenStream) -> TokenStream {
    attribute(arguments, item, |arguments, item| {
        let events = handler::Events::ByArgument("Listenable");
        handler::source("on_event", events, arguments, item)
    })
}

/// Runs an async function when an item of a table changes: `#[on_change(ORDERS)]`. The table needs a
/// change stream: `Table::new("orders").stream()`.
///
/// Its first parameter is `Change<T>`, `Event<Change<T>>` or `Batch<Change<T>>`; what it returns is
/// that of a `#[consumer]`. Changes come at least once and in no order. A table may have any number
/// of such handlers, each with a queue of its own. Knobs: `max_attempts`, `backoff = (min, max)`,
/// `batch`, `max_wait`, `max_concurrency`, and those of a unit: `name`, `timeout`, `memory_mb`,
/// `max_instances`, `min_instances`, `concurrency`,
/// `arch`.
#[proc_macro_attribute]
pub fn on_change(arguments: TokenStream, item: TokenStream) -> TokenStream {
    attribute(arguments, item, |arguments, item| {
        let events = handler::Events::WithKnobs("ChangeSource");
        handler::source("on_change", events, arguments, item)
    })
}

/// Runs an async function when an object of a bucket is written, by a put, a copy or an upload:
/// `#[on_created(RECEIPTS, prefix = "2026/", suffix = ".pdf")]`.
///
/// Its first parameter is `ObjectCreated`, `Event<ObjectCreated>` or `Batch<ObjectCreated>`; what it
/// returns is that of a `#[consumer]`. Events come at least once and in no order. A bucket may have
/// any number of such handlers, each with a queue of its own. Knobs: `prefix` and `suffix` of the
/// keys, `max_attempts`, `backoff = (min, max)`, `batch`, `max_wait`, `max_concurrency`, and those
/// of a unit: `name`, `timeout`, `memory_mb`, `max_instances`, `min_instances`, `concurrency`.
#[proc_macro_attribute]
pub fn on_created(arguments: TokenStream, item: TokenStream) -> TokenStream {
    attribute(arguments, item, |arguments, item| {
        handler::source("on_created", "CreatedSource", arguments, item)
    })
}

/// Runs an async function when an object of a bucket is removed: `#[on_deleted(RECEIPTS)]`. Its
/// first parameter is `ObjectDeleted`, `Event<ObjectDeleted>` or `Batch<ObjectDeleted>`; all else is
/// as for `#[on_created]`.
#[proc_macro_attribute]
pub fn on_deleted(arguments: TokenStream, item: TokenStream) -> TokenStream {
    attribute(arguments, item, |arguments, item| {
        handler::source("on_deleted", "DeletedSource", arguments, item)
    })
}

/// Makes an async function a consumer of a stream: `#[stream_consumer(METERS, batch = 100)]`.
///
/// Its first parameter is the record, `Event<T>` or, usually, `Batch<T>`; what it returns is that of
/// a `#[consumer]`. A stream may have any number of consumers, each with a place of its own. Knobs:
/// `batch`, `max_wait`, `max_attempts`, `backoff = (min, max)`, and those of a unit: `name`,
/// `timeout`, `memory_mb`, `max_instances`, `min_instances`, `concurrency`.
#[proc_macro_attribute]
pub fn stream_consumer(arguments: TokenStream, item: TokenStream) -> TokenStream {
    attribute(arguments, item, |arguments, item| {
        handler::source("stream_consumer", "StreamSource", arguments, item)
    })
}

/// Runs an async function by the clock: `#[schedule("0 3 * * *", tz = "Europe/Rome")]` or
/// `#[schedule(every = minutes(5))]`.
///
/// Its parameters may be `Event<T>` and `State<T>`. Knobs: `tz`, `retries`, `input` (JSON text),
/// and those of a unit: `name`, `timeout`, `memory_mb`, `max_instances`, `min_instances`,
/// `concurrency`, `arch`.
#[proc_macro_attribute]
pub fn schedule(arguments: TokenStream, item: TokenStream) -> TokenStream {
    attribute(arguments, item, schedule::expand)
}

/// Makes a struct the item type of a table.
///
/// Field attributes: `#[item(key)]` (exactly one), `#[item(sort)]`, `#[item(index = "name")]`
/// (partition key of an index), `#[item(index_sort = "name")]`, `#[item(ttl)]`,
/// `#[item(version)]`. On the struct: `#[item(index(name = "by-day", key = day, sort = at))]`.
///
/// Makes a constant for each attribute (`Order::TOTAL_CENTS`) and index (`Order::BY_CUSTOMER`),
/// from which conditions, updates and queries are built.
#[proc_macro_derive(Item, attributes(item))]
pub fn item(input: TokenStream) -> TokenStream {
    finish(
        syn::parse::<syn::DeriveInput>(input).and_then(item::expand),
        TokenStream2::new(),
    )
}

/// Makes a struct or an enum an event of a bus.
///
/// On a struct `#[event(type = "order.placed")]` gives the event type; the struct is the data and
/// derives `Serialize` and `Deserialize`. On an enum each variant holds the data of one type and
/// has the attribute. `source = "…"` on the struct or enum gives the source of its events; it is the
/// package's name otherwise.
#[proc_macro_derive(BusEvent, attributes(event))]
pub fn bus_event(input: TokenStream) -> TokenStream {
    finish(
        syn::parse::<syn::DeriveInput>(input).and_then(event::expand),
        TokenStream2::new(),
    )
}

/// The entry point of an application: makes `fn main` and marks this package as the application.
///
/// `ifc::main!(targets = ["aws", "gcp"])` says which providers the application is meant for. Then
/// the limits in force are those that all of these have; without it, those that every provider has.
/// Providers are `local`, `aws`, `gcp` and `azure`.
#[proc_macro]
pub fn main(input: TokenStream) -> TokenStream {
    finish(entry::main.parse2(input.into()), TokenStream2::new())
}

/// Runs a test against a cloud of its own: `#[ifc::test] async fn t(cloud: TestCloud)`.
///
/// The cloud is as unkind as the contract allows, drawn from a seed: `benign` makes it kind,
/// `seed = 7` fixes the seed, `seeds = 100` runs the test with a hundred of them. The function may
/// return what a test may return.
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    attribute(arguments, item, entry::test)
}
