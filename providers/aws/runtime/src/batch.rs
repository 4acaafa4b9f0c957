//! Several entries in one call: how many fit into it, and what became of each.

use crate::failure::Failure;
use ifc_runtime::Error;
use serde_json::Value;
use std::pin::Pin;
use std::task::Poll;

/// What one call takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) entries: usize,
    /// Of all its entries together.
    pub(crate) bytes: usize,
}

impl Limits {
    /// What SQS, SNS and EventBridge take. They document 1,048,576 bytes since August 2025; a
    /// quarter of it is what they took before, and what older stacks and emulators still have.
    pub(crate) const MESSAGES: Limits = Limits {
        entries: 10,
        bytes: 262_144,
    };
}

/// Calls `call` with `entries` in their order, in as many parts as it takes, and returns what became
/// of each.
///
/// # Errors
/// When nothing was accepted.
pub(crate) async fn in_batches<'a, T, R, F>(
    entries: &'a [T],
    limits: Limits,
    bytes: impl Fn(&T) -> usize,
    call: impl Fn(&'a [T]) -> F,
) -> Result<Vec<Result<R, Error>>, Error>
where
    F: Future<Output = Result<Vec<Result<R, Failure>>, Failure>>,
{
    let mut results = Vec::with_capacity(entries.len());
    for batch in batches(entries, limits, bytes) {
        match call(batch).await {
            Ok(answers) => {
                results.extend(
                    answers
                        .into_iter()
                        .map(|answer| answer.map_err(Error::from)),
                );
            }
            Err(failure) if batch.len() == entries.len() => return Err(failure.into()),
            Err(failure) => {
                let cause = Error::from(failure);
                let again = |_| {
                    Err(
                        Error::new(cause.kind(), "the call for this part of the batch failed")
                            .retry_safe(cause.is_retry_safe())
                            .caused_by(cause.to_string()),
                    )
                };
                results.extend(batch.iter().map(again));
            }
        }
    }
    Ok(results)
}

/// Parts of `entries` that each fit into one call, in their order.
fn batches<T>(entries: &[T], limits: Limits, bytes: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut batches = Vec::new();
    let (mut first, mut size) = (0, 0);
    for (place, entry) in entries.iter().enumerate() {
        let more = bytes(entry);
        if place > first && (place - first == limits.entries || size + more > limits.bytes) {
            batches.push(&entries[first..place]);
            (first, size) = (place, 0);
        }
        size += more;
    }
    if first < entries.len() {
        batches.push(&entries[first..]);
    }
    batches
}

/// What became of each entry, by an answer of SQS or SNS in JSON, which names their places.
///
/// # Errors
/// When the answer is silent about one.
pub(crate) fn results_by_id(
    count: usize,
    answer: &Value,
) -> Result<Vec<Result<(), Failure>>, Failure> {
    let list = |name: &str| {
        let list = answer.get(name).and_then(Value::as_array);
        list.map(Vec::as_slice).unwrap_or_default()
    };
    let place = |entry: &Value| entry["Id"].as_str()?.parse::<usize>().ok();
    let mut results: Vec<Option<Result<(), Failure>>> = (0..count).map(|_| None).collect();
    let mut set = |entry: &Value, result| {
        if let Some(slot) = place(entry).and_then(|place| results.get_mut(place)) {
            *slot = Some(result);
        }
    };
    for entry in list("Successful") {
        set(entry, Ok(()));
    }
    for entry in list("Failed") {
        let sender = entry["SenderFault"].as_bool().unwrap_or_default();
        let status = if sender { 400 } else { 500 };
        set(
            entry,
            Err(refused(status, &entry["Code"], &entry["Message"])),
        );
    }
    let whole = results.into_iter().collect::<Option<Vec<_>>>();
    whole.ok_or_else(left_out)
}

/// What became of each entry, by an answer of EventBridge or Kinesis, which has `list` in their
/// order. `accepted` reads the entry of an accepted one.
///
/// # Errors
/// When the answer is silent about one.
pub(crate) fn results_in_order<R>(
    count: usize,
    answer: &Value,
    list: &str,
    accepted: impl Fn(&Value) -> Option<R>,
) -> Result<Vec<Result<R, Failure>>, Failure> {
    let entries = answer[list].as_array().filter(|list| list.len() == count);
    let entries = entries.ok_or_else(left_out)?;
    let result = |entry: &Value| match entry["ErrorCode"].is_string() {
        // Who is to blame is in the code alone.
        true => Ok(Err(refused(
            400,
            &entry["ErrorCode"],
            &entry["ErrorMessage"],
        ))),
        false => accepted(entry).map(Ok).ok_or_else(left_out),
    };
    entries.iter().map(result).collect()
}

/// Why one entry was not accepted.
fn refused(status: u16, code: &Value, message: &Value) -> Failure {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Failure {
        code: text(code),
        status,
        perhaps_done: false,
        ..Failure::local("", text(message))
    }
}

fn left_out() -> Failure {
    Failure::malformed("the answer leaves out an entry of the batch")
}

/// Waits for all of them at the same time.
pub(crate) async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, output) in futures.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        match outputs.iter().all(Option::is_some) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifc_runtime::ErrorKind;
    use serde_json::json;

    const LIMITS: Limits = Limits::MESSAGES;

    #[test]
    fn batches_keep_the_order_and_the_limits() {
        let lengths = |sizes: &[usize]| -> Vec<usize> {
            batches(sizes, LIMITS, |size| *size)
                .iter()
                .map(|batch| batch.len())
                .collect()
        };
        assert_eq!(lengths(&[]), [0; 0]);
        assert_eq!(lengths(&[1; 25]), [10, 10, 5]);
        assert_eq!(lengths(&[LIMITS.bytes, 1]), [1, 1]);
        assert_eq!(lengths(&[LIMITS.bytes / 2; 5]), [2, 2, 1]);
        assert_eq!(lengths(&[LIMITS.bytes + 1]), [1]);
    }

    fn kinds<R>(results: Vec<Result<R, Failure>>) -> Vec<Option<ErrorKind>> {
        results
            .into_iter()
            .map(|result| result.err().map(|failure| Error::from(failure).kind()))
            .collect()
    }

    #[test]
    fn each_entry_has_its_own_result() {
        let answer = json!({
            "Successful": [{ "Id": "1", "MessageId": "m" }],
            "Failed": [
                { "Id": "0", "Code": "InternalError", "SenderFault": false },
                { "Id": "2", "Code": "AccessDenied", "SenderFault": true, "Message": "no" },
            ],
        });
        let expected = [Some(ErrorKind::Unavailable), None, Some(ErrorKind::Denied)];
        assert_eq!(kinds(results_by_id(3, &answer).unwrap()), expected);
        assert!(results_by_id(4, &answer).is_err());

        let answer = json!({ "Entries": [
            { "EventId": "e" },
            { "ErrorCode": "InternalFailure", "ErrorMessage": "no" },
            { "ErrorCode": "ProvisionedThroughputExceededException" },
            { "ErrorCode": "MalformedDetail" },
        ] });
        let results = |count| {
            results_in_order(count, &answer, "Entries", |entry| {
                entry["EventId"].as_str().map(str::to_owned)
            })
        };
        let expected = [
            None,
            Some(ErrorKind::Unavailable),
            Some(ErrorKind::Throttled),
            Some(ErrorKind::Invalid),
        ];
        assert_eq!(kinds(results(4).unwrap()), expected);
        assert!(results(3).is_err());
        let silent = json!({ "Entries": [{}] });
        let accepted = |entry: &Value| entry["EventId"].as_str().map(str::to_owned);
        assert!(results_in_order(1, &silent, "Entries", accepted).is_err());
    }

    #[tokio::test]
    async fn a_part_that_fails_leaves_the_others() {
        let call = |batch: &'static [u8]| async move {
            match batch.contains(&3) {
                true => Err(Failure::lost("lost", false, None)),
                false => Ok(batch.iter().map(|entry| Ok(*entry)).collect()),
            }
        };
        let two = Limits {
            entries: 2,
            bytes: 100,
        };
        let results = in_batches(&[1, 2, 3, 4, 5], two, |_| 1, call)
            .await
            .unwrap();
        let accepted: Vec<Option<u8>> = results.iter().map(|r| r.as_ref().ok().copied()).collect();
        assert_eq!(accepted, [Some(1), Some(2), None, None, Some(5)]);
        assert!(results[2].as_ref().unwrap_err().is_retry_safe());
        assert!(in_batches(&[3], two, |_| 1, call).await.is_err());
    }

    #[tokio::test]
    async fn all_are_waited_for_and_keep_their_order() {
        let one = |yields: u64| async move {
            for _ in 0..yields {
                tokio::task::yield_now().await;
            }
            yields
        };
        assert_eq!(all([3, 0, 1].map(one)).await, [3, 0, 1]);
        assert_eq!(all([0; 0].map(one)).await, [0; 0]);
    }
}
