//! Handlers that may do nothing, whatever else they link.

use crate::resources::*;
use ifc::prelude::*;
use std::fmt::Write as _;
use std::time::Duration;

/// Never, but the compiler does not know.
fn never() -> bool {
    std::env::var_os("IFC_CORPUS_NEVER").is_some()
}

//=
#[function]
async fn nothing() -> Result<()> {
    Ok(())
}

//=
#[function]
async fn only_its_argument(draw: Draw) -> Result<u64> {
    Ok(draw.number)
}

//=
#[function]
async fn only_logs(draw: Draw) -> Result<()> {
    let span = tracing::info_span!("work", number = draw.number);
    let _entered = span.enter();
    tracing::info!(?draw, "working");
    tracing::error!(parity = draw.even(), "done: {draw:#?}");
    Ok(())
}

//=
#[function]
async fn only_json(draw: Draw) -> Result<String> {
    let mut value = serde_json::json!({ "draw": draw, "list": [1, 2.5, null] });
    value["list"][2] = serde_json::to_value(&draw)?;
    let text = serde_json::to_string_pretty(&value)?;
    let back: Draw =
        serde_json::from_value(serde_json::from_str::<serde_json::Value>(&text)?["draw"].clone())?;
    Ok(format!("{text}{back:?}"))
}

//=
#[function]
async fn only_formats(draw: Draw) -> Result<String> {
    let mut text = String::new();
    write!(text, "{:>8.3} {:#x} {:?}", 1.5, draw.number, draw)?;
    Ok(text)
}

//=
#[function]
async fn only_an_http_client(draw: Draw) -> Result<u64> {
    if never() {
        let call = move || -> std::result::Result<u64, ureq::Error> {
            let mut reply = ureq::post("http://localhost:9/").send_json(&draw)?;
            Ok(reply.body_mut().read_json::<Draw>()?.number)
        };
        return Ok(tokio::task::spawn_blocking(call).await??);
    }
    Ok(0)
}

//=
#[function]
async fn only_tasks_and_time(draw: Draw) -> Result<u64> {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(2);
    let task = tokio::spawn(async move {
        for at in 0..draw.pick(4) {
            if sender.send(at).await.is_err() {
                break;
            }
        }
    });
    let mut sum = 0;
    while let Some(at) = receiver.recv().await {
        sum += at;
    }
    task.await?;
    tokio::time::timeout(
        Duration::from_secs(1),
        tokio::time::sleep(Duration::from_millis(1)),
    )
    .await?;
    Ok(sum)
}

//=
#[function]
async fn only_panics(draw: Draw) -> Result<u64> {
    if never() {
        panic!("{draw:?}");
    }
    let caught = std::panic::catch_unwind(|| {
        if never() {
            unreachable!("never");
        }
        7
    });
    Ok(caught.unwrap_or(0))
}

//=
#[function]
async fn only_files_and_threads(draw: Draw) -> Result<u64> {
    let thread = std::thread::spawn(move || match never() {
        true => std::fs::read_to_string("corpus.txt").map_or(0, |text| text.len() as u64),
        false => draw.number,
    });
    Ok(thread.join().unwrap_or(0))
}

//=
#[function]
async fn only_the_clock(_: Draw) -> Result<u64> {
    Ok(ifc::now().duration_since(std::time::UNIX_EPOCH)?.as_secs())
}

// The address of a resource is no operation.
//=
#[function]
async fn only_addresses(_: Draw) -> Result<bool> {
    let jobs = std::hint::black_box(&JOBS);
    let orders = std::hint::black_box(&ORDERS);
    Ok(std::ptr::from_ref(jobs).addr() == std::ptr::from_ref(orders).addr())
}

//=
#[function]
async fn only_an_error(_: Draw) -> Result<()> {
    let failed: Result<()> = Err(HandlerError::not_found("nothing here"));
    tracing::info!("{:?}", failed.map_err(|error| error.chain()));
    Ok(())
}
