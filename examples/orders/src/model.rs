//! What an order is.

use ifc::prelude::*;

/// A customer's order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Item)]
pub struct Order {
    #[item(key)]
    pub id: String,
    #[item(index = "by-customer")]
    pub customer: String,
    /// Epoch seconds.
    #[item(index_sort = "by-customer", index_sort = "by-waiting")]
    pub placed_at: u64,
    pub total_cents: u64,
    pub status: Status,
    /// [`WAITING`] until the order is fulfilled: only waiting orders are in the index.
    #[item(index = "by-waiting")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<String>,
    /// An order that nobody pays disappears.
    #[item(ttl)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
}

/// The one partition of the index of waiting orders.
pub const WAITING: &str = "waiting";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Placed,
    Fulfilled,
}

/// Something happened to an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderEvent {
    pub order: String,
    pub customer: String,
    pub total_cents: u64,
}

/// What a customer spent on one order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Item)]
pub struct Spent {
    #[item(key)]
    pub customer: String,
    #[item(sort)]
    pub order: String,
    pub cents: u64,
}

/// What a customer sends.
#[derive(Serialize, Deserialize)]
pub struct NewOrder {
    pub id: String,
    pub customer: String,
    pub total_cents: u64,
}

/// What the payment service is asked.
#[derive(Serialize, Deserialize)]
pub struct Charge {
    pub customer: String,
    pub cents: u64,
}

/// What it answers.
#[derive(Debug, Serialize, Deserialize)]
pub struct Receipt {
    pub number: String,
}
