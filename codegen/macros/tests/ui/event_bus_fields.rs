use ifc::prelude::*;

#[resource]
static NO_PATH: EventBus = EventBus::new("no-path").filterable(&["region"]);

#[resource]
static TOO_MANY: EventBus = EventBus::new("too-many").filterable(&[
    "data.a", "data.b", "data.c", "data.d", "data.e", "data.f",
]);

#[resource]
static NOBODY: EventBus = EventBus::new("nobody").owned_by("My Shop");

fn main() {}
