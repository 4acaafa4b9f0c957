use ifc::prelude::*;

#[get("/a")]
fn not_async() {}

#[function]
async fn generic<T>(value: T) -> Result<()> {
    let _ = value;
    Ok(())
}

#[function]
async fn plain(value: u64) -> u64 {
    value
}

#[function(name = "Bad_Name")]
async fn named(value: u64) -> Result<u64> {
    Ok(value)
}

#[get("/b")]
struct NotAFunction;

fn main() {}
