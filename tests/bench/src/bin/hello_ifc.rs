//! Hello, on our local server.

use ifc::prelude::*;

#[derive(Serialize)]
struct Reply {
    message: &'static str,
}

/// The bare server below writes no access log either: what is compared is serving.
#[resource]
static API: HttpApi = HttpApi::new("api").access_log(false);

#[get("/hello", api = API)]
async fn hello() -> Json<Reply> {
    Json(Reply {
        message: "Hello, world!",
    })
}

ifc::main!();
