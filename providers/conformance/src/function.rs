//! Function: direct invocation, and invocation through its own queue (contract, 4.1).

use crate::clause::{Clause, clause};
use crate::declare::{Declarations, target};
use crate::script::Reply;
use crate::trial::{Running, Trial, accepted, payload, refused};
use ifc_manifest::size::{ASYNC_BODY_BYTES_MAX, SYNC_BODY_BYTES_MAX};
use ifc_runtime::{Error, ErrorKind, TraceContext};
use serde_json::{Value, json};
use std::error::Error as _;
use std::time::Duration;

pub(crate) fn clauses() -> Vec<Clause> {
    vec![
        clause!(
            "4.1",
            "function-invoke",
            "an invocation hands over its argument and returns the reply",
            invoke
        ),
        clause!(
            "3",
            "function-invoke-size",
            "argument and reply may have 4 MiB",
            invoke_size
        ),
        clause!(
            "4.1",
            "function-fails",
            "a failure reaches the caller with its message, and nothing is repeated",
            fails
        ),
        clause!(
            "4.1",
            "function-panics",
            "a panic reaches the caller as a failure",
            panics
        ),
        clause!(
            "4.1",
            "function-timeout",
            "a function that does not end fails",
            timeout,
            waits = 2
        ),
        clause!(
            "1",
            "function-reentrant",
            "invocations may overlap",
            reentrant
        ),
        clause!(
            "4.1",
            "function-async",
            "an asynchronous invocation runs later, once it is accepted",
            invoke_async
        ),
        clause!(
            "3",
            "function-async-size",
            "an asynchronous argument may have 240 KiB",
            invoke_async_size
        ),
        clause!(
            "3",
            "function-async-retry",
            "a failed asynchronous invocation is tried again",
            async_retry,
            waits = 600
        ),
        clause!(
            "3",
            "function-async-exhausted",
            "an asynchronous invocation that never succeeds is a dead letter",
            async_exhausted,
            waits = 7_200
        ),
        clause!(
            "4.1",
            "function-async-durable",
            "an accepted asynchronous invocation outlives an outage",
            async_durable,
            outage = true,
            waits = 1
        ),
        clause!(
            "1",
            "function-unknown",
            "invoking a function that is not there is an error",
            unknown
        ),
    ]
}

/// A function called `work`.
async fn open(trial: Trial) -> Running {
    trial
        .open(Declarations::new().function("work", Duration::from_secs(60)))
        .await
}

impl Running {
    async fn invoke(&self, argument: Vec<u8>) -> Result<Value, Error> {
        let provider = self.provider();
        let reply = provider
            .invoke(target("work"), argument, TraceContext::root())
            .await?;
        Ok(serde_json::from_slice(&reply).expect("a reply is JSON"))
    }

    async fn invoke_async(&self, argument: Vec<u8>) -> String {
        let provider = self.provider();
        let id = provider
            .invoke_async(target("work"), argument, TraceContext::root())
            .await;
        accepted("invoke_async", id)
    }

    fn called_with(&self) -> Vec<Value> {
        self.script
            .called()
            .into_iter()
            .map(|argument| argument["payload"].clone())
            .collect()
    }
}

async fn invoke(trial: Trial) {
    let running = open(trial).await;
    running
        .script
        .on_call(|argument| Reply::Value(json!({ "got": argument["payload"] })));
    for value in [json!(null), json!("grüße"), json!({ "a": [1, 2.5] })] {
        let reply = accepted("invoke", running.invoke(running.body(value.clone())).await);
        assert_eq!(reply, json!({ "got": value }));
    }
}

async fn invoke_size(trial: Trial) {
    let running = open(trial).await;
    let room = SYNC_BODY_BYTES_MAX - running.body(json!("")).len();
    let argument = running.body(json!("x".repeat(room)));
    assert_eq!(argument.len(), SYNC_BODY_BYTES_MAX);
    let reply = accepted("invoke", running.invoke(argument.clone()).await);
    let sent: Value = serde_json::from_slice(&argument).expect("JSON");
    assert!(reply == sent, "the reply is not what was sent");
}

/// Everything that an error and its causes say.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

async fn fails(trial: Trial) {
    let mut running = open(trial).await;
    running
        .script
        .on_call(|_| Reply::Fail("the cupboard is bare"));
    let result = running.invoke(running.body(json!(1))).await;
    let error = refused("a function that fails", ErrorKind::Failed, result);
    assert!(chain(&error).contains("the cupboard is bare"), "{error:?}");
    assert!(
        !error.is_retry_safe(),
        "the function ran, so calling again may do harm"
    );
    running.advance(0).await;
    assert_eq!(
        running.called_with().len(),
        1,
        "the provider repeated the call"
    );
}

async fn panics(trial: Trial) {
    let running = open(trial).await;
    running
        .script
        .on_call(|_| Reply::Panic("the function of this clause panics"));
    let result = running.invoke(running.body(json!(1))).await;
    refused("a function that panics", ErrorKind::Failed, result);
    running.script.on_call(|_| Reply::Value(json!("alive")));
    let reply = accepted("invoke", running.invoke(running.body(json!(2))).await);
    assert_eq!(reply, json!("alive"));
}

async fn timeout(trial: Trial) {
    let declarations = Declarations::new().function("work", Duration::from_secs(1));
    let running = trial.open(declarations).await;
    running.script.on_call(|_| Reply::Hang);
    let result = running.invoke(running.body(json!(1))).await;
    refused("a function that does not end", ErrorKind::Failed, result);
}

async fn reentrant(trial: Trial) {
    let running = open(trial).await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..10 {
        let (provider, argument) = (running.provider(), running.body(json!(number)));
        tasks.spawn(async move {
            let reply = provider
                .invoke(target("work"), argument, TraceContext::root())
                .await;
            (number, reply)
        });
    }
    while let Some(result) = tasks.join_next().await {
        let (number, reply) = result.expect("the task ran");
        assert_eq!(
            payload(&accepted("invoke", reply)),
            json!(number),
            "a reply went astray"
        );
    }
}

async fn invoke_async(trial: Trial) {
    let mut running = open(trial).await;
    let first = running.invoke_async(running.body(json!(1))).await;
    let second = running.invoke_async(running.body(json!(2))).await;
    assert!(
        !first.is_empty() && first != second,
        "each event has an id of its own"
    );
    running.settle().await;
    let mut called = running.called_with();
    called.sort_by_key(Value::as_i64);
    // At least once.
    called.dedup();
    assert_eq!(called, [json!(1), json!(2)]);
    assert_eq!(running.dead_letters("work").await, []);
}

async fn invoke_async_size(trial: Trial) {
    let mut running = open(trial).await;
    let room = ASYNC_BODY_BYTES_MAX - running.body(json!("")).len();
    let text = "x".repeat(room);
    running.invoke_async(running.body(json!(text))).await;
    running.settle().await;
    let called = running.called_with();
    assert!(
        called.first() == Some(&json!(text)),
        "the argument is not what was sent"
    );
}

async fn async_retry(trial: Trial) {
    let mut running = open(trial).await;
    let failures = std::sync::atomic::AtomicU32::new(0);
    running.script.on_call(move |_| {
        match failures.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => Reply::Fail("not yet"),
            1 => Reply::Panic("not yet either"),
            _ => Reply::Value(json!("done")),
        }
    });
    running.invoke_async(running.body(json!(1))).await;
    running.settle().await;
    // The first attempt may be delivered twice.
    assert!(
        (1..=2).contains(&running.called_with().len()),
        "it was tried again without waiting"
    );
    running.advance(600).await;
    assert!(
        running.called_with().len() >= 3,
        "{} calls",
        running.called_with().len()
    );
    assert_eq!(running.dead_letters("work").await, []);
}

async fn async_exhausted(trial: Trial) {
    let mut running = open(trial).await;
    running
        .script
        .on_call(|_| Reply::Fail("the cupboard is bare"));
    let id = running.invoke_async(running.body(json!(1))).await;
    running.advance(7_200).await;
    let dead = running.dead_letters("work").await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert_eq!(dead[0].id, id);
    assert_eq!(dead[0].attempts, 5);
    assert!(
        dead[0].reason.contains("the cupboard is bare"),
        "{:?}",
        dead[0].reason
    );
    assert!(running.called_with().len() >= 5);
}

async fn async_durable(trial: Trial) {
    let mut running = open(trial).await;
    running.invoke_async(running.body(json!(1))).await;
    running.outage(1).await;
    running.settle().await;
    assert_eq!(running.called_with().first(), Some(&json!(1)));
}

async fn unknown(trial: Trial) {
    let running = open(trial).await;
    let provider = running.provider();
    let argument = running.body(json!(1));
    let root = TraceContext::root();
    assert!(
        provider
            .invoke(target("nowhere"), argument.clone(), root)
            .await
            .is_err()
    );
    assert!(
        provider
            .invoke_async(target("nowhere"), argument, root)
            .await
            .is_err()
    );
}
