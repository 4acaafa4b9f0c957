//! Size budgets of all kinds, in bytes (contract, section 3). Those that differ between the
//! providers are limits; the others are the contract's.

use crate::limit::limits;

limits! {
    /// Body of a message in a queue, and of an argument left for a function: what the provider
    /// takes, less what its envelope needs.
    QUEUE_BODY = "the body of a message in a queue", " bytes", "E-Q-06" {
        aws 0..=1032192 because "SQS takes 1 MiB with attributes",
        gcp 0..=9437184,
        azure 0..=245760 because "Service Bus takes 256 KB with properties",
    } or "put it into a bucket and send its key" or "split it into several messages";
    /// Body of a message to subscribers.
    ASYNC_BODY = "the body of a message", " bytes", "E-TOP-03" {
        aws 0..=245760 because "SNS takes 256 KB with attributes",
        gcp 0..=9437184,
        azure 0..=245760 because "Service Bus takes 256 KB with properties",
    } or "put it into a bucket and send its key" or "split it into several messages";
    /// Body of a message sent with a delay.
    DELAYED_BODY = "the body of a delayed message", " bytes", "E-Q-01" {
        aws 0..=1032192,
        gcp 0..=65536 because "Cloud Tasks takes a task of 100 KB, in base64",
        azure 0..=245760 because "Service Bus takes 256 KB with properties",
    } or "put it into a bucket and send its key" or "send it without a delay to a queue whose consumer waits";
    /// Argument and reply of a function invoked directly, and an HTTP body, each way.
    SYNC_BODY = "an HTTP body, argument or reply", " bytes", "E-API-04" {
        aws 0..=4194304 because "Lambda takes 6 MB each way, in base64",
        gcp 0..=33554432 because "Cloud Run takes 32 MiB each way",
        azure 0..=100000000,
    } or "hand it over through a bucket" or "split it into several calls";
    /// One encoded table item.
    ITEM = "an item", " bytes", "E-TBL-05" {
        aws 0..=389120 because "DynamoDB stores items of 400 KB with their names",
        gcp 0..=1015808 because "Firestore stores documents of 1 MiB with their names",
        azure 0..=2000000,
    } or "put what is large into a bucket and its key into the item" or "split it over several items";
    /// What one transaction writes, encoded.
    TRANSACTION = "what a transaction writes", " bytes", "E-TBL-06" {
        aws 0..=3800000 because "a transaction of DynamoDB writes 4 MB",
        gcp 0..=9437184,
        azure 0..=1900000 because "a batch of Cosmos DB has 2 MB",
    } or "write less at once" or "put what is large into a bucket";
}

/// Body of an asynchronous message, on every provider.
pub const ASYNC_BODY_BYTES_MAX: usize = ASYNC_BODY.max as usize;

/// Body of a message sent with a delay, on every provider.
pub const DELAYED_BODY_BYTES_MAX: usize = DELAYED_BODY.max as usize;

/// Attributes of one message.
pub const ATTRIBUTES_MAX: usize = 10;

/// Key of one attribute, `[a-z0-9_.-]`.
pub const ATTRIBUTE_KEY_BYTES_MAX: usize = 64;

/// Value of one attribute.
pub const ATTRIBUTE_VALUE_BYTES_MAX: usize = 1_024;

/// All attributes of a message together.
pub const ATTRIBUTES_BYTES_MAX: usize = 8_192;

/// HTTP body, argument and reply of a function, on every provider.
pub const SYNC_BODY_BYTES_MAX: usize = SYNC_BODY.max as usize;

/// HTTP request line and headers.
pub const HTTP_HEAD_BYTES_MAX: usize = 8_192;

/// One encoded table item, on every provider.
pub const ITEM_BYTES_MAX: usize = ITEM.max as usize;

/// What one transaction writes, encoded, on every provider.
pub const TRANSACTION_BYTES_MAX: usize = TRANSACTION.max as usize;

/// A secret's value.
pub const SECRET_BYTES_MAX: usize = 24 * 1024;

/// A schedule's static input.
pub const SCHEDULE_INPUT_BYTES_MAX: usize = 8_192;
