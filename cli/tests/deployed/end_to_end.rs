//! An order, from HTTP to the receipt.

use crate::cloud::{Answer, Cloud, Orders, eventually, http};
use crate::support::run_with;
use serde_json::{Value, json};

/// The HTTP API of the deployed application.
struct Api {
    port: u16,
    host: String,
}

impl Api {
    /// The one that there is.
    fn of(cloud: &Cloud) -> Api {
        let apis = cloud.ask("apigateway", "GET /v2/apis", &[], "");
        let apis: Value = serde_json::from_str(&apis).unwrap();
        let apis = apis["items"].as_array().unwrap();
        assert_eq!(apis.len(), 1, "{apis:?}");
        Api {
            port: cloud.emulator.port(),
            host: format!(
                "{}.execute-api.localhost:{}",
                apis[0]["apiId"].as_str().unwrap(),
                cloud.emulator.port()
            ),
        }
    }

    fn get(&self, path: &str) -> Answer {
        http(self.port, &self.host, &format!("GET {path}"), &[], "")
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        let kind = "content-type: application/json";
        let request = format!("POST {path}");
        http(self.port, &self.host, &request, &[kind], &body.to_string())
    }
}

fn order(id: &str) -> Value {
    json!({ "id": id, "customer": "ada", "total_cents": 1_250 })
}

#[test]
fn an_order_goes_its_way_and_nothing_is_denied() {
    let cloud = match Cloud::start() {
        Ok(cloud) => cloud,
        Err(skipped) => return skipped.report("an application deployed to AWS"),
    };
    let orders = Orders::copied("orders-go");
    let ifc = |arguments: &str| orders.ifc(&cloud, arguments);

    ifc("apply --yes").success();
    let again = ifc("plan --detailed-exit-code");
    assert_eq!(again.code, 0, "{}\n{}", again.output, again.errors);
    let mut secret = orders.command(&cloud, "secret set payment-key");
    run_with(&mut secret, "k-123\n").success();

    let api = Api::of(&cloud);
    let placed = api.post("/orders", &order("o-1"));
    assert_eq!(placed.status, 201, "{}", placed.body);
    assert_eq!(api.post("/orders", &order("o-1")).status, 409);
    // The queue, its consumer, the function it calls, and the secret that one reads.
    eventually("the fulfilled order", || {
        let order = api.get("/orders/o-1").json();
        (order["status"] == "fulfilled")
            .then_some(())
            .ok_or(order.to_string())
    });
    // The topic, and both its subscribers.
    eventually("the customer's spending", || {
        let spending = api.get("/customers/ada/spending").json();
        (spending == json!({ "orders": 1, "cents": 1_250 }))
            .then_some(())
            .ok_or(spending.to_string())
    });
    let receipt = eventually("the receipt", || {
        let sent = api.get("/orders/o-1/receipt");
        (sent.status == 303)
            .then(|| sent.header("location").unwrap().to_owned())
            .ok_or(sent.body)
    });
    let (host, path) = receipt
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let (_, port) = host.split_once(':').unwrap();
    let request = format!("GET /{path}");
    let receipt = http(port.parse().unwrap(), host, &request, &[], "");
    assert_eq!(receipt.body, "Order o-1\nCustomer ada\nTotal 12.50\n");
    // What the receipt in the bucket has led to.
    eventually("the customer is told", || {
        let logs = ifc("logs tell").success();
        logs.contains("your receipt is ready")
            .then_some(())
            .ok_or(logs)
    });
    cloud.assert_requests_are_right();
}
