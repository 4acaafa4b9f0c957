use ifc::prelude::*;

#[derive(Serialize, Deserialize, BusEvent)]
#[event(type = "order.placed")]
struct Placed {
    region: String,
}

#[resource]
static EVENTS: EventBus = EventBus::new("events").filterable(&["data.region"]);

#[on_event(EVENTS, pattern = Pattern::new().field("data.country", &["it"]))]
async fn undeclared_field(event: Placed) {
    let _ = event;
}

#[on_event(EVENTS, pattern = Pattern::new().types(&["order.paid"]))]
async fn another_type(event: CloudEvent<Placed>) {
    let _ = event;
}

#[on_event(EVENTS)]
async fn not_an_event(event: u64) {
    let _ = event;
}

fn main() {}
