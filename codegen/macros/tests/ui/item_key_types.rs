use ifc::prelude::*;

#[derive(Serialize, Deserialize, Item)]
struct Reading {
    #[item(key)]
    at: f64,
    #[item(ttl)]
    expires: String,
    #[item(version)]
    version: i32,
}

fn main() {}
