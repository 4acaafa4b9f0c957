use ifc::prelude::*;

#[get("orders")]
async fn no_slash() {}

#[get("/orders/:id")]
async fn old_style() {}

#[get("/orders/{id}/{id}")]
async fn twice() {}

#[get("/orders", timeout = seconds(5))]
async fn knob() {}

#[get]
async fn nothing() {}

fn main() {}
