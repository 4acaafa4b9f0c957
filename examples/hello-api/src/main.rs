//! The classic first serverless API: one route, a query parameter with a default, a JSON reply.

use ifc::prelude::*;

#[derive(Deserialize)]
struct Greeting {
    #[serde(default = "world")]
    name: String,
}

fn world() -> String {
    "world".to_owned()
}

#[derive(Serialize)]
struct Reply {
    message: String,
}

#[get("/hello")]
async fn hello(Query(greeting): Query<Greeting>) -> Json<Reply> {
    Json(Reply {
        message: format!("Hello, {}!", greeting.name),
    })
}

ifc::main!();

#[cfg(test)]
mod tests {
    use ifc::test_kit::TestCloud;
    use serde_json::{Value, json};

    #[ifc::test]
    async fn greets_by_name(cloud: TestCloud) {
        let reply = cloud.http().get("/hello?name=Ada").await;
        assert_eq!(reply.status(), 200);
        assert_eq!(reply.json::<Value>(), json!({ "message": "Hello, Ada!" }));
    }

    #[ifc::test]
    async fn greets_the_world_by_default(cloud: TestCloud) {
        let reply = cloud.http().get("/hello").await;
        assert_eq!(reply.json::<Value>(), json!({ "message": "Hello, world!" }));
    }

    #[ifc::test]
    async fn other_paths_are_not_found(cloud: TestCloud) {
        let reply = cloud.http().get("/goodbye").await;
        assert_eq!(reply.status(), 404);
        assert_eq!(
            reply.json::<Value>(),
            json!({ "error": "no route for GET /goodbye" })
        );
    }
}
