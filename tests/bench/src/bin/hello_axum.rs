//! Hello, on bare axum: what our local server is measured against.

use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

#[derive(Serialize)]
struct Reply {
    message: &'static str,
}

async fn hello() -> Json<Reply> {
    Json(Reply {
        message: "Hello, world!",
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::var("IFC_PORT")?.parse()?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, Router::new().route("/hello", get(hello))).await?;
    Ok(())
}
