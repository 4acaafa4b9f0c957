//! Everything that can be declared, in the places where people declare it.
#![forbid(unsafe_code)]
#![deny(warnings)]

use ifc::prelude::*;
use ifc::{Charset, Retention};

const PREFIX: &str = "shop";

const fn lease() -> std::time::Duration {
    seconds(if cfg!(debug_assertions) { 60 } else { 90 })
}

#[derive(Serialize, Deserialize, Item, Clone)]
#[serde(rename_all = "camelCase")]
#[item(index(name = "by-day", key = day, sort = placed_at))]
pub struct Order {
    #[item(key)]
    id: String,
    #[item(sort)]
    line: u32,
    #[item(index = "by-customer")]
    customer: Option<String>,
    day: String,
    placed_at: u64,
    #[item(ttl)]
    expires_at: Option<u64>,
    #[item(version)]
    version: u64,
}

#[resource]
pub static ORDERS: Table<Order> = Table::new("orders").retention(Retention::Delete).isolated();

#[resource]
pub(crate) static FULFILMENT: Queue<Order> = Queue::new("fulfilment")
    .lease(lease())
    .retention(days(7))
    .max_attempts(8)
    .backoff(seconds(10), minutes(10));

#[resource]
static STEPS: Queue<u64> = Queue::new(concat!("steps", "-", "fifo")).fifo();

#[resource]
static SCORES: Topic<u64> = Topic::new("scores").fifo();

#[resource]
static SCORED: Queue<u64> = Queue::new("scored")
    .fifo()
    .subscribed_to(&SCORES)
    .filter(attribute("game").any_of(&["chess"]));

#[derive(Serialize, Deserialize, BusEvent)]
#[event(type = "order.placed", source = "https://shop.example")]
#[serde(rename_all = "camelCase")]
struct OrderPlaced {
    order_id: String,
}

#[derive(BusEvent)]
enum OrderEvent {
    #[event(type = "order.placed")]
    Placed(OrderPlaced),
    #[event(type = "order.counted")]
    Counted(u64),
}

const FIELDS: &[&str] = &["data.orderId", "data.customer.tier"];

#[resource]
static EVENTS: EventBus = EventBus::new("events").filterable(FIELDS);

#[resource]
static PARTNERS: EventBus = EventBus::new("events-of-partners").owned_by("partner");

const OF_GOLD: Pattern = Pattern::new()
    .field("data.customer.tier", &["gold"])
    .source_prefix(PREFIX);

#[on_event(EVENTS, pattern = OF_GOLD, batch = 10, max_attempts = 20)]
async fn gold(events: Vec<CloudEvent<OrderEvent>>) -> Vec<Outcome> {
    let outcome = |event: CloudEvent<OrderEvent>| match event.data {
        OrderEvent::Placed(placed) => Outcome::retry(placed.order_id),
        OrderEvent::Counted(count) => Outcome::retry(count.to_string()),
    };
    events.into_iter().map(outcome).collect()
}

#[on_event(EVENTS, name = "every-event")]
async fn every_event(event: CloudEvent<serde_json::Value>) {
    let _ = event;
}

#[on_event(PARTNERS)]
async fn of_a_partner(placed: OrderPlaced) -> Result<()> {
    EVENTS.put(&placed).subject("s").source("x").await?;
    Ok(())
}

#[resource]
static KEY: Secret = Secret::new("key").generated(32, Charset::UrlSafe);

#[resource]
static PAGE: Config<u32> = Config::new("page").default_json("20").dynamic();

#[resource]
static ADMIN: HttpApi = HttpApi::new("admin")
    .cors(Cors::origins(&["https://shop.example"]).credentials())
    .timeout(seconds(5))
    .memory_mb(1024)
    .arch(Arch::Arm64)
    .access_log(false);

#[resource]
static PUBLIC: HttpApi = HttpApi::new("public").access_log_sample(0.05);

mod inner {
    use super::*;

    #[cfg(any())]
    #[resource]
    static ABSENT: Secret = Secret::new(NOT_EVEN_A_NAME);

    #[resource]
    pub(super) static NESTED: Secret = Secret::new("nested");
}

struct Rates(Vec<u64>);

impl Provide for Rates {
    async fn provide() -> Result<Self> {
        let _ = inner::NESTED.get().await?;
        Ok(Rates(vec![1]))
    }
}

#[get("/orders/{id}/{line}")]
async fn read(Path((id, line)): Path<(String, u32)>, rates: State<Rates>) -> Result<Json<Order>> {
    let _ = rates.0.len();
    match ORDERS.get((&id, line)).eventual().await? {
        Some(order) => Ok(Json(order)),
        None => Err(HandlerError::not_found(format!("no order `{id}`"))),
    }
}

#[post("/orders", api = ADMIN)]
async fn submit(headers: HeaderMap, Json(order): Json<Order>) -> Result<impl IntoResponse> {
    let _ = (headers, PREFIX);
    ORDERS.put(&order).when(Order::DAY.eq("2026-01-01")).await?;
    ORDERS
        .update((&order.id, order.line))
        .set(Order::CUSTOMER, "ada")
        .set(Order::EXPIRES_AT, 7_u64)
        .remove(Order::EXPIRES_AT)
        .increment(Order::PLACED_AT, -1)
        .if_version(order.version)
        .await?;
    let _ = ORDERS.query(&order.id).sort_between(1, 5).descending().await?;
    let _ = ORDERS.query_index(Order::BY_CUSTOMER, "ada").limit(5).await?;
    let _ = ORDERS.query_index(Order::BY_DAY, &order.day).sort_ge(5).all().await?;
    let _ = ORDERS.batch_get([(&*order.id, 1), (&*order.id, 2)]).await?;
    ORDERS.delete((&order.id, order.line)).if_exists().await?;
    Ok(StatusCode::NO_CONTENT)
}

#[put("/a/{rest..}")]
async fn everything(Path(rest): Path<String>) -> String {
    rest
}

#[consumer(FULFILMENT, batch = 10, max_wait = seconds(2), timeout = seconds(40))]
async fn fulfil(orders: Batch<Order>, rates: State<Rates>) -> Vec<Outcome> {
    let _ = rates;
    orders.iter().map(|_| Outcome::Ack).collect()
}

#[consumer(STEPS, name = "stepper", memory_mb = 2048)]
async fn step(step: Event<u64>) -> Result<Outcome> {
    STEPS.send(&(step.body + 1)).group("g").id("x").attribute("k", "v").await?;
    Ok(Outcome::retry_after(seconds(5), "not yet"))
}

#[function(timeout = seconds(200))]
async fn price(order: Order, rates: State<Rates>) -> Result<u64> {
    let _ = (order, rates);
    Ok(7)
}

#[function]
async fn ping() -> Result<()> {
    Ok(())
}

#[schedule("0 3 * * MON-FRI", tz = "Europe/Rome", retries = 0, input = "{}")]
async fn nightly(event: Event<serde::de::IgnoredAny>, rates: State<Rates>) -> Result<()> {
    let _ = (event, rates, KEY.get().await?, PAGE.get().await?);
    ping::invoke(&()).await?;
    ping::invoke_async(&()).await?;
    Ok(())
}

#[schedule(every = hours(6))]
async fn often() {}

async fn helper(queue: &Queue<Order, impl Resource>, order: &Order) -> Result<()> {
    queue.send(order).delay(minutes(5)).await?;
    let _ = queue.send_batch([order, order]).await?;
    Ok(())
}

async fn named(queue: &Queue<Order, FULFILMENT>, order: &Order) -> Result<u64> {
    helper(queue, order).await?;
    price::invoke(order).await.map_err(Into::into)
}

fn main() {
    let _ = named;
}
