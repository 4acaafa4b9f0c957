use ifc::prelude::*;

struct Basket;

#[post("/orders")]
async fn submit(basket: Basket, Json(order): Json<u64>) -> Json<u64> {
    let _ = basket;
    Json(order)
}

#[post("/twice")]
async fn body_is_last(Json(order): Json<u64>, headers: HeaderMap) -> Json<u64> {
    let _ = headers;
    Json(order)
}

fn main() {}
