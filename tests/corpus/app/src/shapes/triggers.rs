//! Handlers of every trigger: routes with several extractors, consumers one by one and in batches,
//! schedules.

use crate::resources::*;
use ifc::axum::body::Bytes;
use ifc::axum::extract::{FromRequestParts, RawQuery};
use ifc::axum::http::request::Parts;
use ifc::prelude::*;

//=
#[get("/health")]
async fn route_plain() -> &'static str {
    "ok"
}

//= orders.get
#[get("/orders/{id}")]
async fn route_with_path(Path(id): Path<String>) -> Result<Json<Option<Order>>> {
    Ok(Json(ORDERS.get(&id).await?))
}

//= orders.query
#[get("/orders")]
async fn route_with_query(Query(draw): Query<Draw>) -> Result<Json<u64>> {
    let query = ORDERS.query_index(Order::BY_CUSTOMER, "ada");
    let page = query.limit(draw.pick(9) as u32 + 1).await?;
    Ok(Json(page.items.len() as u64))
}

//= jobs.send, orders.put
#[post("/orders")]
async fn route_with_json(Json(draw): Json<Draw>) -> Result<(StatusCode, Json<Order>)> {
    let order = order(draw.number);
    ORDERS.put(&order).await?;
    JOBS.send(&job(draw.number)).await?;
    Ok((StatusCode::CREATED, Json(order)))
}

//= archive.put, page-size.read
#[put("/archive/{id}/{part}")]
async fn route_with_several(
    Path((id, part)): Path<(String, u64)>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    Json(draw): Json<Draw>,
) -> Result<impl IntoResponse> {
    let size = PAGE_SIZE.get().await?;
    let total = draw.number + part + u64::from(size) + headers.len() as u64;
    let customer = query.unwrap_or_default();
    ARCHIVE
        .put(&Order {
            id,
            customer,
            total,
        })
        .await?;
    Ok([("x-total", total.to_string())])
}

//= archive.delete
#[delete("/archive/{id}")]
async fn route_that_deletes(Path(id): Path<String>) -> Result<StatusCode> {
    ARCHIVE.delete(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

//= orders.put, orders.update
#[patch("/orders/{id}")]
async fn route_with_bytes(Path(id): Path<String>, body: Bytes) -> Result<Json<Order>> {
    ORDERS
        .put(&Order {
            id: id.clone(),
            ..order(1)
        })
        .await?;
    let update = ORDERS.update(&id).set(Order::TOTAL, body.len() as u64);
    Ok(Json(update.await?))
}

/// Checks the key before a handler runs.
struct Caller;

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = HandlerError;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self> {
        TOKEN.get().await?;
        Ok(Caller)
    }
}

//= orders.get, token.read
#[get("/mine")]
async fn route_with_own_extractor(_: Caller) -> Result<Json<bool>> {
    Ok(Json(ORDERS.get("o-1").await?.is_some()))
}

//= token.read
#[get("/mine/nothing")]
async fn route_extractor_only(_: Caller) -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Leaves a trace when it answers.
struct Counted(u64);

impl IntoResponse for Counted {
    fn into_response(self) -> ifc::axum::response::Response {
        detach(async move { EMAILS.send(&job(self.0)).await });
        StatusCode::ACCEPTED.into_response()
    }
}

//= emails.send
#[get("/counted")]
async fn route_with_own_reply(Query(draw): Query<Draw>) -> Counted {
    Counted(draw.number)
}

#[resource]
static ADMIN: HttpApi = HttpApi::new("admin");

//= invoices.send
#[post("/invoices", api = ADMIN)]
async fn route_of_another_api(Json(draw): Json<Draw>) -> Result<()> {
    INVOICES.send(&job(draw.number)).await?;
    Ok(())
}

//= archive.put
#[consumer(INBOX)]
async fn consumer_of_messages(message: Job) -> Result<()> {
    Ok(ARCHIVE.put(&order(message.number)).await?)
}

//= archive.get, returns.send
#[consumer(BULK, batch = 10)]
async fn consumer_of_batches(batch: Batch<Job>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for event in &*batch {
        let done = match event.body.number % 2 {
            0 => ARCHIVE.get("o-1").await.map(|_| ()),
            _ => RETURNS.send(&event.body).await.map(|_| ()),
        };
        outcomes.push(match done {
            Ok(()) => Outcome::Ack,
            Err(error) => Outcome::retry(error.to_string()),
        });
    }
    outcomes
}

//= visits.put
#[consumer(SCORED, timeout = seconds(20))]
async fn consumer_of_events(event: Event<Job>) -> Result<Outcome> {
    VISITS.put(&visit(u64::from(event.attempt))).await?;
    Ok(match event.body.number {
        u64::MAX => Outcome::dead_letter("too many"),
        _ => Outcome::Ack,
    })
}

struct Level {
    size: u32,
}

impl Provide for Level {
    async fn provide() -> Result<Self> {
        let size = ifc_corpus_library::AUDIT_LEVEL.get().await?;
        Ok(Level { size })
    }
}

//= audit-level.read, emails.send
#[consumer(STATED)]
async fn consumer_with_state(message: Job, table: State<Level>) -> Result<()> {
    EMAILS
        .send(&job(message.number + u64::from(table.size)))
        .await?;
    Ok(())
}

//=
#[consumer(GROUPED)]
async fn consumer_of_nothing(message: Job) {
    tracing::info!(message.number, "seen");
}

//= jobs.send, orders.query
#[schedule("0 3 * * *", tz = "Europe/Rome")]
async fn schedule_by_cron() -> Result<()> {
    let all = ORDERS.query_index(Order::BY_CUSTOMER, "ada").all().await?;
    JOBS.send(&job(all.len() as u64)).await?;
    Ok(())
}

//= archive.delete
#[schedule(every = hours(1), input = "{\"number\":2}")]
async fn schedule_with_input(event: Event<Draw>) -> Result<()> {
    Ok(ARCHIVE.delete(&format!("o-{}", event.body.number)).await?)
}

//= audit-level.read
#[schedule(every = minutes(30))]
async fn schedule_with_state(table: State<Level>) -> Result<()> {
    tracing::info!(table.size);
    Ok(())
}

//=
#[schedule(every = hours(2))]
async fn schedule_of_nothing() {}

// A consumer may be called as the function that it is.
//= archive.put, price-of-all.invoke
#[schedule(every = hours(3))]
async fn schedule_that_calls() -> Result<()> {
    let number = price_of_all::invoke(&()).await?;
    consumer_of_messages(job(number)).await
}

//=
#[function(name = "price-of-all")]
async fn price_of_all() -> Result<u64> {
    Ok(7)
}

//=
#[subscriber(NEWS)]
async fn subscribes(_: Job) -> Result<()> {
    Ok(())
}

//= archive.put
#[consumer(CLIPPINGS)]
async fn consumes_what_a_topic_has(clipping: Job) -> Result<()> {
    ARCHIVE.put(&order(clipping.number)).await?;
    Ok(())
}

//= alerts.publish, jobs.send
#[subscriber(NEWS, filter = attribute("kind").any_of(&["corpus"]))]
async fn subscribes_to_some(news: Event<Job>) -> Result<()> {
    JOBS.send(&news.body).await?;
    ALERTS.publish(&news.body).group("g").await?;
    Ok(())
}

//= archive.put
#[subscriber(ALERTS, batch = 5)]
async fn subscribes_in_batches(alerts: Batch<Job>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for alert in alerts {
        outcomes.push(match ARCHIVE.put(&order(alert.body.number)).await {
            Ok(()) => Outcome::Ack,
            Err(error) => Outcome::retry(error.to_string()),
        });
    }
    outcomes
}

//= archive.put, archive.delete
#[on_change(FOLLOWED)]
async fn follows_changes(change: Change<Order>) -> Result<()> {
    match change.new {
        Some(order) => ARCHIVE.put(&order).await?,
        None => ARCHIVE.delete(&change.key).await?,
    }
    Ok(())
}

//= followed.batch_write
#[on_change(FOLLOWED, batch = 10)]
async fn follows_its_own_changes(changes: Batch<Change<Order>>) -> Result<()> {
    let mut batch = FOLLOWED.batch_write();
    for change in &*changes {
        if change.body.kind == ifc::ChangeKind::Delete {
            batch = batch.delete("o-none");
        }
    }
    batch.await?;
    Ok(())
}

//= archive.put
#[on_created(FILES, prefix = "f-", suffix = "1")]
async fn watches_objects(created: ObjectCreated) -> Result<()> {
    ARCHIVE.put(&order(created.size)).await?;
    Ok(())
}

//= files.head, archive.delete
#[on_deleted(FILES, batch = 10)]
async fn watches_removals(deleted: Batch<ObjectDeleted>) -> Result<()> {
    for deleted in &*deleted {
        if FILES.head(deleted.body.key.clone()).await?.is_none() {
            ARCHIVE.delete(&deleted.body.key).await?;
        }
    }
    Ok(())
}

//= visits.put
#[stream_consumer(METERS, batch = 100)]
async fn consumes_a_stream(readings: Batch<Job>) -> Result<()> {
    for reading in readings {
        VISITS.put(&visit(reading.body.number)).await?;
    }
    Ok(())
}

//= meters.append
#[stream_consumer(METERS)]
async fn appends_what_it_consumes(job: Job) -> Result<()> {
    if job.number > 9 {
        METERS.append("m-1", &Job { number: 1 }).await?;
    }
    Ok(())
}

//=
#[on_event(HAPPENED)]
async fn listens(_: Done) -> Result<()> {
    Ok(())
}

//= elsewhere.put, jobs.send
#[on_event(HAPPENED, pattern = Pattern::new().field("data.number", &["1", "2"]))]
async fn listens_to_some(event: CloudEvent<Done>) -> Result<()> {
    JOBS.send(&job(event.data.number)).await?;
    ELSEWHERE.put(&event.data).await?;
    Ok(())
}

//= archive.put
#[on_event(HAPPENED, batch = 5)]
async fn listens_in_batches(events: Vec<CloudEvent<Progress>>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for event in events {
        let number = match event.data {
            Progress::Begun(job) => job.number,
            Progress::Done(done) => done.number,
        };
        outcomes.push(match ARCHIVE.put(&order(number)).await {
            Ok(()) => Outcome::Ack,
            Err(error) => Outcome::retry(error.to_string()),
        });
    }
    outcomes
}

//= jobs.send
#[on_event(ELSEWHERE)]
async fn listens_to_anything(event: CloudEvent<serde_json::Value>) -> Result<()> {
    let number = event.data["number"].as_u64().unwrap_or_default();
    JOBS.send(&job(number)).await?;
    Ok(())
}
