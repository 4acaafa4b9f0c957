use ifc::prelude::*;

#[derive(Serialize, Deserialize, BusEvent)]
#[event(type = "order.placed")]
struct Placed {
    order: String,
}

#[resource]
static EVENTS: Topic<Placed> = Topic::new("events");

#[on_event(EVENTS)]
async fn listen(event: Placed) {
    let _ = event;
}

fn main() {}
