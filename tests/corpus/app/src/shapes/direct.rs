//! Every verb of every kind, called where the handler stands.

use crate::resources::*;
use ifc::prelude::*;

//= jobs.send
#[function]
async fn sends(draw: Draw) -> Result<()> {
    JOBS.send(&job(draw.number)).await?;
    Ok(())
}

//= jobs.send
#[function]
async fn sends_with_options(draw: Draw) -> Result<()> {
    let message = job(draw.number);
    let send = JOBS.send(&message).id("j-1").attribute("from", "corpus");
    send.delay(minutes(5)).await?;
    Ok(())
}

//= returns.send
#[function]
async fn sends_a_batch(draw: Draw) -> Result<()> {
    RETURNS.send_batch(&[job(1), job(draw.number)]).await?;
    Ok(())
}

//= ledger.send
#[function]
async fn sends_in_groups(draw: Draw) -> Result<()> {
    let number = draw.number;
    let sends = (0..3).map(|at| LEDGER.send(&job(number + at)).group(format!("g-{at}")));
    ifc::Outgoing::all(sends.collect()).await?;
    Ok(())
}

//= news.publish
#[function]
async fn publishes(draw: Draw) -> Result<()> {
    let message = job(draw.number);
    NEWS.publish(&message).attribute("kind", "corpus").await?;
    Ok(())
}

//= news.publish
#[function]
async fn publishes_a_batch(draw: Draw) -> Result<()> {
    NEWS.publish_batch(&[job(1), job(draw.number)]).await?;
    Ok(())
}

//= alerts.publish
#[function]
async fn publishes_in_groups(draw: Draw) -> Result<()> {
    ALERTS.publish(&job(draw.number)).group("g").await?;
    Ok(())
}

//= meters.append
#[function]
async fn appends(draw: Draw) -> Result<()> {
    METERS.append("m-1", &job(draw.number)).await?;
    Ok(())
}

//= meters.append
#[function]
async fn appends_a_batch(draw: Draw) -> Result<()> {
    let jobs = [job(1), job(draw.number)];
    let records = jobs.iter().map(|job| ("m-1", job));
    for result in METERS.append_batch(records).await? {
        result?;
    }
    Ok(())
}

//= happened.put
#[function]
async fn puts_an_event(draw: Draw) -> Result<()> {
    let number = draw.number;
    HAPPENED.put(&Done { number }).subject("corpus").await?;
    Ok(())
}

//= happened.put
#[function]
async fn puts_a_batch_of_events(draw: Draw) -> Result<()> {
    let begun = Progress::Begun(job(draw.number));
    let done = Progress::Done(Done { number: 1 });
    HAPPENED.put_batch(&[begun, done]).await?;
    Ok(())
}

//= elsewhere.put
#[function]
async fn puts_an_event_elsewhere(draw: Draw) -> Result<()> {
    let number = draw.number;
    ELSEWHERE.put(&Done { number }).await?;
    Ok(())
}

//= orders.get
#[function]
async fn gets(draw: Draw) -> Result<u64> {
    let found = ORDERS.get(&format!("o-{}", draw.number)).await?;
    Ok(found.map_or(0, |order| order.total))
}

//= orders.get
#[function]
async fn gets_eventually(_: Draw) -> Result<bool> {
    Ok(ORDERS.get("o-1").eventual().await?.is_some())
}

//= orders.batch_get
#[function]
async fn gets_several(_: Draw) -> Result<u64> {
    let found = ORDERS.batch_get(["o-1", "o-2"]).await?;
    Ok(found.len() as u64)
}

//= orders.put
#[function]
async fn puts(draw: Draw) -> Result<()> {
    Ok(ORDERS.put(&order(draw.number)).await?)
}

//= orders.put
#[function]
async fn puts_under_a_condition(draw: Draw) -> Result<()> {
    let put = ORDERS.put(&order(draw.number)).if_not_exists();
    match put.await {
        Err(error) if !error.is_conflict() => Err(error.into()),
        _ => Ok(()),
    }
}

//= orders.put, orders.update
#[function]
async fn updates(draw: Draw) -> Result<()> {
    ORDERS.put(&order(draw.number)).await?;
    let id = format!("o-{}", draw.number);
    let update = ORDERS.update(&id).increment(Order::TOTAL, 1);
    update.when(Order::CUSTOMER.eq("ada")).await?;
    Ok(())
}

//= orders.delete
#[function]
async fn deletes(_: Draw) -> Result<()> {
    Ok(ORDERS.delete("o-1").await?)
}

//= orders.scan
#[function]
async fn scans(_: Draw) -> Result<u64> {
    let page = ORDERS.scan().limit(10).eventual().await?;
    Ok(page.items.len() as u64)
}

//= orders.batch_write
#[function]
async fn writes_a_batch(draw: Draw) -> Result<()> {
    let batch = ORDERS.batch_write().put(&order(draw.number));
    for result in batch.delete("o-none").await? {
        result?;
    }
    Ok(())
}

//= visits.transact, visits.put
#[function]
async fn transacts_puts(draw: Draw) -> Result<()> {
    let puts = (0..3).map(|at| VISITS.put(&visit(draw.number + at)));
    Ok(VISITS.transact().with_all(puts).await?)
}

//= visits.transact, visits.put, visits.update, visits.delete, visits.check
#[function]
async fn transacts_everything(draw: Draw) -> Result<()> {
    let at = draw.number;
    let transaction = VISITS
        .transact()
        .with(VISITS.put(&visit(at)))
        .with(VISITS.update(("home", at + 1)).set(Visit::NOTE, "seen"))
        .with(VISITS.delete(("home", at + 2)))
        .with(VISITS.check(("home", at + 3)).if_exists());
    match transaction.await {
        Err(error) if error.failed_operation().is_none() => Err(error.into()),
        _ => Ok(()),
    }
}

//= orders.transact_across, orders.put, visits.delete, visits.check
#[function]
async fn transacts_across(draw: Draw) -> Result<()> {
    let transaction = ORDERS
        .transact_across()
        .with(ORDERS.put(&order(draw.number)))
        .with(VISITS.delete(("home", draw.number)))
        .with(VISITS.check(("away", draw.number)).if_not_exists());
    Ok(transaction.await?)
}

//= visits.query
#[function]
async fn queries(_: Draw) -> Result<u64> {
    let page = VISITS.query("home").sort_ge(5).limit(10).await?;
    Ok(page.items.len() as u64)
}

//= orders.query
#[function]
async fn queries_an_index(_: Draw) -> Result<u64> {
    let all = ORDERS.query_index(Order::BY_CUSTOMER, "ada").all().await?;
    Ok(all.len() as u64)
}

//= api-key.read
#[function]
async fn reads_a_secret(_: Draw) -> Result<u64> {
    let key = API_KEY.get().await?;
    Ok(key.expose()?.len() as u64)
}

//= token.read
#[function]
async fn reads_a_made_secret(_: Draw) -> Result<()> {
    TOKEN.get().await?;
    Ok(())
}

//= page-size.read
#[function]
async fn reads_configuration(_: Draw) -> Result<u32> {
    Ok(PAGE_SIZE.get().await?)
}

//= greeting.read, page-size.read
#[function]
async fn reads_two_values(_: Draw) -> Result<String> {
    let size = PAGE_SIZE.get().await?;
    Ok(GREETING.get().await?.repeat(size as usize))
}

//=
#[function]
async fn price(draw: Draw) -> Result<u64> {
    Ok(draw.number * 2)
}

//= price.invoke
#[function]
async fn invokes(draw: Draw) -> Result<u64> {
    Ok(price::invoke(&draw).await?)
}

//= price.invoke_async
#[function]
async fn invokes_later(draw: Draw) -> Result<String> {
    Ok(price::invoke_async(&draw).await?)
}

// What the invoked function may do is its own business.
//= invokes.invoke
#[function]
async fn invokes_what_invokes(draw: Draw) -> Result<u64> {
    Ok(invokes::invoke(&draw).await?)
}

//= recount.invoke
#[function]
async fn invokes_the_library(_: Draw) -> Result<u64> {
    Ok(ifc_corpus_library::recount::invoke(&"home".to_owned()).await?)
}

// The plain function of a handler is not its unit: this one does the work itself.
//= price.invoke
#[function]
async fn calls_a_handler(draw: Draw) -> Result<u64> {
    invokes(draw).await
}

//= orders.put
#[function]
async fn held_and_awaited(draw: Draw) -> Result<()> {
    let put = ORDERS.put(&order(draw.number));
    if draw.even() {
        put.await?;
    }
    Ok(())
}

// An operation under construction is the capability for it, used or not.
//=
//~ wider: orders.delete because operation-not-awaited
#[function]
async fn held_and_dropped(_: Draw) -> Result<()> {
    let delete = ORDERS.delete("o-1");
    drop(std::hint::black_box(delete));
    Ok(())
}

//= orders.query
#[function]
async fn held_and_completed(draw: Draw) -> Result<u64> {
    let mut query = ORDERS.query_index(Order::BY_CUSTOMER, "ada");
    if draw.even() {
        query = query.descending();
    }
    let page = query.limit(2).await?;
    Ok(page.items.len() as u64)
}

//= jobs.send, orders.get, orders.put
#[function]
async fn several_kinds(draw: Draw) -> Result<()> {
    if ORDERS.get("o-1").await?.is_none() {
        ORDERS.put(&order(1)).await?;
    }
    JOBS.send(&job(draw.number)).await?;
    Ok(())
}

//= archive.get, orders.get
#[function]
async fn branches_on_input(draw: Draw) -> Result<bool> {
    let found = match draw.pick(2) {
        0 => ORDERS.get("o-1").await?,
        _ => ARCHIVE.get("o-1").await?,
    };
    Ok(found.is_some())
}

//= emails.send, invoices.send, jobs.send
#[function]
async fn loops_over_input(draw: Draw) -> Result<()> {
    for step in 0..draw.pick(5) {
        match step % 3 {
            0 => JOBS.send(&job(step)).await?,
            1 => EMAILS.send(&job(step)).await?,
            _ => INVOICES.send(&job(step)).await?,
        };
    }
    Ok(())
}

//= emails.send, jobs.send
#[function]
async fn after_an_error(draw: Draw) -> Result<()> {
    let checked: Result<u64> = match draw.even() {
        true => Ok(1),
        false => Err(HandlerError::bad_request("odd")),
    };
    match checked {
        Ok(number) => JOBS.send(&job(number)).await?,
        Err(error) => {
            tracing::warn!("{error:?}");
            EMAILS.send(&job(0)).await?
        }
    };
    Ok(())
}

//= files.put
#[function]
async fn puts_an_object(draw: Draw) -> Result<()> {
    let put = FILES.put(format!("f-{}", draw.number), "body");
    match put.content_type("text/plain").if_absent().await {
        Err(error) if !error.is_conflict() => Err(error.into()),
        _ => Ok(()),
    }
}

//= files.put
#[function]
async fn puts_a_stream(_: Draw) -> Result<String> {
    let body = ifc::axum::body::Body::from("streamed");
    Ok(FILES.put_stream("streamed", body).await?)
}

//= files.get
#[function]
async fn gets_an_object(_: Draw) -> Result<u64> {
    match FILES.get("f-1").range(..100).await? {
        Some(object) => Ok(object.bytes().await?.len() as u64),
        None => Ok(0),
    }
}

//= files.head
#[function]
async fn looks_at_an_object(_: Draw) -> Result<bool> {
    Ok(FILES.head("f-1").await?.is_some())
}

//= files.delete
#[function]
async fn deletes_an_object(draw: Draw) -> Result<()> {
    Ok(FILES.delete(format!("f-{}", draw.number)).await?)
}

//= files.list
#[function]
async fn lists_objects(_: Draw) -> Result<u64> {
    let all = FILES.list("f-").folders().all().await?;
    Ok(all.objects.len() as u64)
}

//= files.put, files.copy
#[function]
async fn copies_an_object(_: Draw) -> Result<()> {
    FILES.put("from", "body").await?;
    FILES.copy("from", "to").await?;
    Ok(())
}

//= files.presign_get
#[function]
async fn presigns_a_read(draw: Draw) -> Result<String> {
    let url = FILES.presign_get(format!("f-{}", draw.number));
    Ok(url.expires_in(minutes(5)).await?)
}

//= files.presign_put
#[function]
async fn presigns_a_write(_: Draw) -> Result<String> {
    let upload = FILES.presign_put("upload").expires_in(minutes(5)).await?;
    Ok(upload.url)
}
