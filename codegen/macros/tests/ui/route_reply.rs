use ifc::prelude::*;

struct Receipt;

#[get("/receipt")]
async fn receipt() -> Receipt {
    Receipt
}

fn main() {}
