use ifc::prelude::*;

#[derive(Serialize, Deserialize, Item)]
struct NoKey {
    id: String,
}

#[derive(Serialize, Deserialize, Item)]
struct TwoKeys {
    #[item(key)]
    id: String,
    #[item(key)]
    other: String,
}

#[derive(Serialize, Deserialize, Item)]
#[item(index(name = "by-customer", key = custmer))]
struct NoSuchField {
    #[item(key)]
    id: String,
    customer: String,
}

#[derive(Serialize, Deserialize, Item)]
struct Reserved {
    #[item(key)]
    _id: String,
    #[item(kei)]
    customer: String,
}

fn main() {}
