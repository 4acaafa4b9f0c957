use ifc::prelude::*;

#[schedule("0 3 * * *")]
async fn nightly(order: String) {
    let _ = order;
}

fn main() {}
