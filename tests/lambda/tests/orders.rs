//! `examples/orders` as functions of Lambda: the real program, events in their real shapes, its
//! resources on an emulator. An order that is placed over HTTP ends in the table, in the queue, with
//! its consumer, and with both subscribers; and what is wrong with a start is said.

use ifc_emulators::{LambdaFunction, LambdaReply, ministack};
use ifc_lambda_tests::{ACCOUNT, Emulated, REGION, build_orders, without_permissions};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};
use tempfile::TempDir;

/// The program, built once for all tests.
static PROGRAM: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let linker = Path::new(env!("CARGO_BIN_EXE_ifc-lambda-cc"));
    let program = build_orders(linker, folder.path());
    (folder, program)
});

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// The variables of a unit with this wiring.
fn variables(unit: &str, endpoint: &str, wiring: Value) -> Vec<(&'static str, String)> {
    let mut all = json!({
        "version": 1,
        "region": REGION,
        "account": ACCOUNT,
        "prefix": "orders-test-",
        "dead_letters": "orders-test-dead-letters-000000",
    });
    for (name, value) in wiring.as_object().expect("an object") {
        all[name] = value.clone();
    }
    vec![
        ("IFC_UNIT", unit.to_owned()),
        ("IFC_WIRING", all.to_string()),
        ("AWS_ACCESS_KEY_ID", ACCOUNT.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
    ]
}

fn start(unit: &str, endpoint: &str, wiring: Value) -> LambdaFunction {
    let variables = variables(unit, endpoint, wiring);
    LambdaFunction::start(&PROGRAM.1, &variables).expect("the program starts")
}

/// The reply to an event, which must be one.
fn reply(function: &mut LambdaFunction, event: &Value) -> Value {
    match function.invoke(event.to_string().as_bytes()) {
        LambdaReply::Replied(reply) => serde_json::from_slice(&reply).expect("JSON"),
        other => panic!("{other:?}\n{}", function.log()),
    }
}

fn request(method: &str, path: &str, body: Option<Value>) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "content-type": "application/json",
            "traceparent": format!("00-{TRACE}-b7ad6b7169203331-01"),
        },
        "requestContext": {
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1" },
            "stage": "$default",
        },
        "body": body.map(|body| body.to_string()),
        "isBase64Encoded": false,
    })
}

/// The body of a response, which must be JSON.
fn body(response: &Value) -> Value {
    let text = response["body"].as_str().expect("a text");
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {response}"))
}

/// The records that a unit wrote to its log, by their message.
fn records(function: &LambdaFunction) -> BTreeMap<String, Value> {
    let log = function.log();
    let records = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    records
        .map(|record: Value| {
            (
                record["message"].as_str().expect("a text").to_owned(),
                record,
            )
        })
        .collect()
}

fn make_resources(aws: &Emulated) {
    for queue in [
        "orders-test-fulfilment-a1b2c3",
        "orders-test-account-a1b2c3",
        "orders-test-write-receipt-a1b2c3",
        "orders-test-tell-a1b2c3",
        "orders-test-dead-letters-000000",
    ] {
        aws.queue(queue);
    }
    let key = |name: &str, role: &str| json!({ "AttributeName": name, "KeyType": role });
    let attribute =
        |name: &str, scalar: &str| json!({ "AttributeName": name, "AttributeType": scalar });
    let index = |name: &str, partition: &str| {
        json!({
            "IndexName": name,
            "KeySchema": [key(partition, "HASH"), key("placed_at", "RANGE")],
            "Projection": { "ProjectionType": "ALL" },
        })
    };
    for table in [
        json!({
            "TableName": "orders-test-orders-a1b2c3",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                attribute("id", "S"), attribute("customer", "S"), attribute("waiting", "S"),
                attribute("placed_at", "N"),
            ],
            "KeySchema": [key("id", "HASH")],
            "GlobalSecondaryIndexes": [index("by-customer", "customer"), index("by-waiting", "waiting")],
        }),
        json!({
            "TableName": "orders-test-spending-a1b2c3",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [attribute("customer", "S"), attribute("order", "S")],
            "KeySchema": [key("customer", "HASH"), key("order", "RANGE")],
        }),
    ] {
        aws.json("dynamodb", "DynamoDB_20120810.CreateTable", "1.0", &table);
    }
    aws.bucket("orders-test-receipts-a1b2c3", "orders-test-tell-a1b2c3");
    aws.sns(&[
        ("Action", "CreateTopic"),
        ("Version", "2010-03-31"),
        ("Name", "orders-test-order-events-a1b2c3"),
    ]);
    for unit in ["account", "write-receipt"] {
        aws.sns(&[
            ("Action", "Subscribe"),
            ("Version", "2010-03-31"),
            (
                "TopicArn",
                &format!("arn:aws:sns:{REGION}:{ACCOUNT}:orders-test-order-events-a1b2c3"),
            ),
            ("Protocol", "sqs"),
            (
                "Endpoint",
                &aws.queue_arn(&format!("orders-test-{unit}-a1b2c3")),
            ),
            ("Attributes.entry.1.key", "RawMessageDelivery"),
            ("Attributes.entry.1.value", "true"),
            ("Attributes.entry.2.key", "FilterPolicyScope"),
            ("Attributes.entry.2.value", "MessageBody"),
            ("Attributes.entry.3.key", "FilterPolicy"),
            (
                "Attributes.entry.3.value",
                r#"{"ifc":{"attributes":{"kind":["fulfilled"]}}}"#,
            ),
        ]);
    }
    aws.json(
        "secretsmanager",
        "secretsmanager.CreateSecret",
        "1.1",
        &json!({ "Name": "orders-test-payment-key-a1b2c3", "SecretString": "k-1" }),
    );
}

#[test]
fn an_order_goes_its_way() {
    let aws = match ministack() {
        Ok(emulator) => Emulated::new(emulator),
        Err(skipped) => return skipped.report("orders as functions of Lambda"),
    };
    make_resources(&aws);
    let endpoint = aws.endpoint();
    let table = "orders-test-orders-a1b2c3";
    let topic = "orders-test-order-events-a1b2c3";

    let mut api = start(
        "api",
        endpoint,
        json!({
            "tables": [table, "orders-test-spending-a1b2c3"],
            "queues": ["orders-test-fulfilment-a1b2c3"],
            "topics": [topic],
            "buckets": ["orders-test-receipts-a1b2c3"],
            "configs": ["keep-days=/orders/test/keep-days"],
        }),
    );
    let order = json!({ "id": "o-1", "customer": "c 1", "total_cents": 1_250 });
    let placed = reply(&mut api, &request("POST", "/orders", Some(order.clone())));
    assert_eq!(placed["statusCode"], 201, "{placed}\n{}", api.log());
    assert_eq!(body(&placed)["status"], "placed");
    let again = reply(&mut api, &request("POST", "/orders", Some(order)));
    assert_eq!(again["statusCode"], 409, "{again}");
    let missing = reply(&mut api, &request("GET", "/orders/o-2", None));
    assert_eq!(missing["statusCode"], 404, "{missing}");

    // The queue's consumer, which invokes a function through Lambda.
    let charge = start(
        "charge",
        endpoint,
        json!({ "secrets": ["orders-test-payment-key-a1b2c3"] }),
    );
    let front = front(endpoint, charge);
    let mut fulfil = start(
        "fulfil",
        &front,
        json!({
            "tables": [table],
            "topics": [topic],
            "functions": ["orders-test-charge-a1b2c3"],
        }),
    );
    let event = aws.take_soon("orders-test-fulfilment-a1b2c3");
    let done = reply(&mut fulfil, &event);
    assert_eq!(done, json!({ "batchItemFailures": [] }), "{}", fulfil.log());

    // Both subscribers have heard of it, and only of what their filter lets through.
    for (unit, wiring) in [
        (
            "account",
            json!({ "tables": ["orders-test-spending-a1b2c3"] }),
        ),
        (
            "write-receipt",
            json!({ "buckets": ["orders-test-receipts-a1b2c3"] }),
        ),
    ] {
        let event = aws.take_soon(&format!("orders-test-{unit}-a1b2c3"));
        assert_eq!(
            event["Records"].as_array().map(Vec::len),
            Some(1),
            "{event}"
        );
        let mut subscriber = start(unit, endpoint, wiring);
        let done = reply(&mut subscriber, &event);
        assert_eq!(
            done,
            json!({ "batchItemFailures": [] }),
            "{}",
            subscriber.log()
        );
    }

    // The receipt is an event of its own.
    let mut tell = start("tell", endpoint, json!({}));
    let mut told = false;
    while !told {
        let event = aws.take_soon("orders-test-tell-a1b2c3");
        let done = reply(&mut tell, &event);
        assert_eq!(done, json!({ "batchItemFailures": [] }), "{}", tell.log());
        told = records(&tell).contains_key("your receipt is ready");
    }
    let record = &records(&tell)["your receipt is ready"];
    assert_eq!(record["fields"]["receipt"], "receipts/o-1.txt");
    assert_eq!(record["unit"], "tell");

    // What all of it came to.
    let read = reply(&mut api, &request("GET", "/orders/o-1", None));
    assert_eq!(body(&read)["status"], "fulfilled");
    let spent = reply(&mut api, &request("GET", "/customers/c 1/spending", None));
    assert_eq!(body(&spent), json!({ "orders": 1, "cents": 1_250 }));
    let receipt = reply(&mut api, &request("GET", "/orders/o-1/receipt", None));
    assert_eq!(receipt["statusCode"], 303, "{receipt}");

    // One trace through all of it, and Lambda's id in each record.
    let record = &records(&fulfil)["fulfilled"];
    assert_eq!(record["unit"], "fulfil");
    assert_eq!(record["event"], "o-1");
    assert_eq!(record["trace"], TRACE);
    assert_eq!(record["request"], "8476a536-e9f4-11e8-9739-000000000001");
}

/// AWS for a unit: invocations go to `function`, everything else to the emulator. Returns where it
/// answers.
fn front(emulator: &str, function: LambdaFunction) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
    let emulator = emulator.trim_start_matches("http://").to_owned();
    let function = Arc::new(Mutex::new(function));
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (emulator, function) = (emulator.clone(), Arc::clone(&function));
            std::thread::spawn(move || pass_on(&client, &emulator, &function));
        }
    });
    endpoint
}

/// Passes the one request of a connection on to where it belongs.
fn pass_on(
    mut client: &TcpStream,
    emulator: &str,
    function: &Mutex<LambdaFunction>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(client);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.eq_ignore_ascii_case("content-length")).then(|| value.trim().parse().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let charge = "/2015-03-31/functions/orders-test-charge-a1b2c3/invocations?Qualifier=live";
    if head.starts_with(&format!("POST {charge} ")) {
        let mut function = function.lock().expect("nothing panicked");
        let (error, reply) = match function.invoke(&body) {
            LambdaReply::Replied(reply) => ("", reply),
            LambdaReply::Failed(_, reply) => ("X-Amz-Function-Error: Unhandled\r\n", reply),
            other => panic!("{other:?}"),
        };
        write!(
            client,
            "HTTP/1.1 200 OK\r\n{error}Content-Length: {}\r\nConnection: close\r\n\r\n",
            reply.len()
        )?;
        return client.write_all(&reply);
    }
    let mut server = TcpStream::connect(emulator)?;
    let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    server.write_all(head.as_bytes())?;
    server.write_all(&body)?;
    std::io::copy(&mut server, &mut client)?;
    Ok(())
}

/// What a start that fails tells Lambda.
fn refusal(program: &Path, variables: &[(&str, String)]) -> String {
    let mut function = LambdaFunction::start(program, variables).expect("it starts");
    match function.invoke(b"{}") {
        LambdaReply::NotStarted(body) => {
            let said: Value = serde_json::from_slice(&body).expect("JSON");
            assert_eq!(said["errorType"], "NotStarted");
            let message = said["errorMessage"].as_str().expect("a text").to_owned();
            // Whoever reads the log finds it too, a moment later.
            for _ in 0..600 {
                if function.log().contains(&message) {
                    return message;
                }
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            panic!("the log does not have it: {}", function.log())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_wrong_with_a_start_is_told_to_lambda_and_to_the_log() {
    let endpoint = "http://127.0.0.1:9";
    let good = variables("api", endpoint, json!({}));
    let with = |name: &str, value: Option<&str>| -> Vec<(&'static str, String)> {
        let mut variables = good.clone();
        variables.retain(|(known, _)| *known != name);
        let name = ["IFC_UNIT", "IFC_WIRING", "AWS_SECRET_ACCESS_KEY"]
            .into_iter()
            .find(|known| *known == name);
        if let (Some(name), Some(value)) = (name, value) {
            variables.push((name, value.to_owned()));
        }
        variables
    };
    let known = "`account`, `api`, `charge`, `fulfil`, `nightly`, `tell`, `write-receipt`";
    for (variables, expected) in [
        (
            with("IFC_UNIT", None),
            format!("IFC_UNIT is not set: it names the unit to run, of {known}"),
        ),
        (
            with("IFC_UNIT", Some("apy")),
            format!("there is no unit `apy` in this program: it has {known}"),
        ),
        (with("IFC_WIRING", None), "IFC_WIRING is not set".to_owned()),
        (
            with("IFC_WIRING", Some(r#"{"version":2}"#)),
            "it has version 2, and this program reads version 1".to_owned(),
        ),
        (
            with("AWS_SECRET_ACCESS_KEY", None),
            "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not".to_owned(),
        ),
    ] {
        let said = refusal(&PROGRAM.1, &variables);
        assert!(said.contains(&expected), "{said}");
    }
    let plain = without_permissions(&PROGRAM.1).expect("the program can be copied");
    let said = refusal(&plain, &good);
    assert!(
        said.contains("this program has no permissions in it"),
        "{said}"
    );
}

#[test]
fn without_lambda_the_program_says_what_it_is_for() {
    let output = std::process::Command::new(&PROGRAM.1)
        .env_clear()
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("AWS_LAMBDA_RUNTIME_API is not set"), "{said}");
    assert!(said.contains("build it with the feature `local`"), "{said}");
}

#[test]
fn a_process_that_is_told_to_stop_ends_in_order() {
    let mut function = start("api", "http://127.0.0.1:9", json!({}));
    assert!(function.wait_until_ready(), "{}", function.log());
    let missing = reply(&mut function, &request("GET", "/nowhere", None));
    assert_eq!(missing["statusCode"], 404);
    assert_eq!(function.stop().expect("it runs"), Some(0));
}
