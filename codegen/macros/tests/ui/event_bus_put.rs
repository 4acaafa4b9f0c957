use ifc::prelude::*;

#[resource]
static EVENTS: EventBus = EventBus::new("events");

#[derive(Serialize, Deserialize)]
struct Placed {
    order: String,
}

#[post("/")]
async fn put_what_is_no_event() -> Result<()> {
    let placed = Placed {
        order: "o-1".to_owned(),
    };
    EVENTS.put(&placed).await?;
    Ok(())
}

#[derive(BusEvent)]
#[event(type = "order.paid")]
struct WithoutSerialize {
    order: String,
}

fn main() {}
