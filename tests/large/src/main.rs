//! A large application: clients of three cloud services, an HTTP client, and handlers of which
//! most use none of this application's own resources.
//!
//! `//= orders.put` above a handler is the exact set of what it may do, as in `tests/corpus`.

mod clients;

use ifc::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize, Item)]
struct Order {
    #[item(key)]
    id: String,
    total: u64,
}

#[resource]
static ORDERS: Table<Order> = Table::new("orders");

#[resource]
static JOBS: Queue<String> = Queue::new("jobs");

ifc::main!();

//=
#[function]
async fn only_lists_buckets() -> Result<Vec<String>> {
    let buckets = clients::s3().await.list_buckets().send().await?;
    let names = buckets.buckets().iter().filter_map(|bucket| bucket.name());
    Ok(names.map(str::to_owned).collect())
}

//=
#[function]
async fn only_stores_an_object(key: String) -> Result<()> {
    let body = aws_sdk_s3::primitives::ByteStream::from(key.clone().into_bytes());
    let request = clients::s3().await.put_object().bucket("archive").key(key);
    request.body(body).send().await?;
    Ok(())
}

//=
#[function]
async fn only_scans_a_table_of_others() -> Result<usize> {
    let client = clients::dynamodb().await;
    let mut pages = client.scan().table_name("theirs").into_paginator().send();
    let mut items = 0;
    while let Some(page) = pages.next().await {
        items += page?.items().len();
    }
    Ok(items)
}

//=
#[function]
async fn only_sends_to_a_queue_of_others(text: String) -> Result<()> {
    let request = clients::sqs().await.send_message().queue_url("theirs");
    request.message_body(text).send().await?;
    Ok(())
}

//=
#[function]
async fn only_asks_three_services() -> Result<usize> {
    let (s3, dynamodb, sqs) = tokio::join!(clients::s3(), clients::dynamodb(), clients::sqs());
    let (buckets, tables, queues) = tokio::join!(
        s3.list_buckets().send(),
        dynamodb.list_tables().send(),
        sqs.list_queues().send(),
    );
    Ok(buckets?.buckets().len() + tables?.table_names().len() + queues?.queue_urls().len())
}

//=
#[function]
async fn only_an_http_client(url: String) -> Result<Order> {
    let client = reqwest::Client::new();
    Ok(client.post(url).json("ask").send().await?.json().await?)
}

//=
#[function]
async fn only_logs(text: String) -> Result<()> {
    tracing::info!(text, "working");
    Ok(())
}

//= orders.get
#[function]
async fn only_reads_an_order(id: String) -> Result<Option<Order>> {
    Ok(ORDERS.get(&id).await?)
}

//= orders.put
#[function]
async fn copies_an_object_into_a_table(key: String) -> Result<()> {
    let request = clients::s3().await.get_object().bucket("archive").key(&key);
    let body = request.send().await?.body.collect().await?.into_bytes();
    let total = body.len() as u64;
    ORDERS.put(&Order { id: key, total }).await?;
    Ok(())
}

//= jobs.send, orders.delete
#[function]
async fn forwards_what_others_sent() -> Result<()> {
    let client = clients::sqs().await;
    let received = client.receive_message().queue_url("theirs").send().await?;
    for message in received.messages() {
        let text = message.body().unwrap_or_default().to_owned();
        ORDERS.delete(&text).await?;
        JOBS.send(&text).await?;
    }
    Ok(())
}

//=
#[consumer(JOBS)]
async fn works(job: String) -> Result<()> {
    tracing::info!(job, "done");
    Ok(())
}
