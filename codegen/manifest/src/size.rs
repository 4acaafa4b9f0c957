//! Size budgets common to all kinds, in bytes (contract, section 3).

/// Body of an asynchronous message: 240 KiB, the smallest of the providers' limits less what their
/// envelopes need.
pub const ASYNC_BODY_BYTES_MAX: usize = 245_760;

/// Body of a message sent with a delay.
pub const DELAYED_BODY_BYTES_MAX: usize = 65_536;

/// Attributes of one message.
pub const ATTRIBUTES_MAX: usize = 10;

/// Key of one attribute, `[a-z0-9_.-]`.
pub const ATTRIBUTE_KEY_BYTES_MAX: usize = 64;

/// Value of one attribute.
pub const ATTRIBUTE_VALUE_BYTES_MAX: usize = 1_024;

/// All attributes of a message together.
pub const ATTRIBUTES_BYTES_MAX: usize = 8_192;

/// Argument and reply of a function invoked directly, and an HTTP body, each way: leaves room for
/// base64 within AWS's 6 MB.
pub const SYNC_BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// HTTP request line and headers.
pub const HTTP_HEAD_BYTES_MAX: usize = 8_192;

/// One encoded table item.
pub const ITEM_BYTES_MAX: usize = 380 * 1024;

/// What one transaction writes, encoded: 1.9 MB, the smallest of the providers' limits less what
/// their envelopes need.
pub const TRANSACTION_BYTES_MAX: usize = 1_900_000;

/// A secret's value.
pub const SECRET_BYTES_MAX: usize = 24 * 1024;

/// A schedule's static input.
pub const SCHEDULE_INPUT_BYTES_MAX: usize = 8_192;
