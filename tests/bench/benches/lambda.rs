//! Functions of Lambda: `examples/hello-api` and `examples/orders`, built for AWS, against the least
//! function that there is on the official `lambda_runtime`, behind the same runtime interface.
//!
//! Both hellos answer the same request. The build of the workspace's programs is timed as plain cargo
//! makes it, with the same settings for both sides; what runs has its permissions in it.
//!
//! `IFC_BENCH_LAMBDA=run` leaves out the timed builds.

use ifc_analyzer::{Features, Project, Selection};
use ifc_bench::package::root;
use ifc_bench::{Target, median, report};
use ifc_emulators::{LambdaReply, RuntimeInterface};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const COLD_STARTS: usize = 60;
const ROUNDS: usize = 40;
const INVOCATIONS: usize = 250;

/// A program behind a runtime interface of its own; it ends with this value.
struct Function {
    interface: RuntimeInterface,
    child: Child,
}

impl Function {
    fn start(program: &Path) -> Function {
        let interface = RuntimeInterface::start();
        let wiring = json!({
            "version": 1,
            "region": "eu-west-1",
            "account": "123456789012",
            "prefix": "hello-bench-",
        });
        let child = Command::new(program)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", interface.authority())
            .env("AWS_LAMBDA_FUNCTION_NAME", "hello")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "stream")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "group")
            .env("AWS_ACCESS_KEY_ID", "id")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("IFC_UNIT", "api")
            .env("IFC_WIRING", wiring.to_string())
            // As Lambda collects logs, which both may write.
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        Function { interface, child }
    }

    fn invoke(&self, event: &[u8]) {
        let minute = Duration::from_secs(60);
        match self.interface.invoke(event, minute, || None) {
            LambdaReply::Replied(reply) => {
                let reply: serde_json::Value = serde_json::from_slice(&reply).expect("JSON");
                assert_eq!(reply["statusCode"], 200, "{reply}");
            }
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn event() -> Vec<u8> {
    let event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/hello",
        "rawQueryString": "name=Ada",
        "headers": {
            "accept": "*/*",
            "host": "id.execute-api.eu-west-1.amazonaws.com",
            "user-agent": "curl/8.5.0",
            "x-amzn-trace-id": "Root=1-5fff599f-6fca6ee66e37fe5e518eb45b",
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "queryStringParameters": { "name": "Ada" },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "id",
            "domainName": "id.execute-api.eu-west-1.amazonaws.com",
            "http": {
                "method": "GET",
                "path": "/hello",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "curl/8.5.0",
            },
            "requestId": "id",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1_583_348_638_390_u64,
        },
        "isBase64Encoded": false,
    });
    event.to_string().into_bytes()
}

/// CPU time of all processes that ended so far which this one waited for, and of theirs, in seconds.
fn children_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux says it");
    // Behind the name, which is in parentheses and may have anything in it.
    let (_, fields) = stat.rsplit_once(") ").expect("the name is in parentheses");
    let ticks = |place: usize| {
        let field = fields.split(' ').nth(place).expect("it has so many fields");
        field.parse::<f64>().expect("a number")
    };
    // cutime and cstime, of which there are 100 in a second on every Linux.
    (ticks(13) + ticks(14)) / 100.0
}

/// A clean release build by plain cargo: CPU seconds, and the program.
fn build(directory: &Path, arguments: &[&str], name: &str, target: &Path) -> (f64, PathBuf) {
    let before = children_seconds();
    let status = Command::new(env!("CARGO"))
        .current_dir(directory)
        .args(["build", "--release", "--offline", "--quiet"])
        .args(arguments)
        .env("CARGO_TARGET_DIR", target)
        .env_remove("RUSTFLAGS")
        .status()
        .expect("cargo runs");
    assert!(status.success(), "`{name}` cannot be built: {status}");
    (
        children_seconds() - before,
        target.join("release").join(name),
    )
}

/// An example with its permissions in it, as `ifc build` makes it.
fn build_with_permissions(example: &str, target: &Path) -> PathBuf {
    let project = Project::find(&Selection {
        directory: root().join("examples").join(example),
        release: true,
        features: Features {
            enable: vec!["aws".to_owned()],
            no_default: true,
        },
        target_directory: Some(target.to_owned()),
        shim: Some(PathBuf::from(env!("CARGO_BIN_EXE_ifc-cc"))),
        ..Selection::default()
    });
    let built = project.and_then(|project| project.build());
    built.expect("the example builds for aws").executable
}

fn size(program: &Path) -> f64 {
    std::fs::metadata(program).expect("it was built").len() as f64
}

fn main() {
    // What cargo builds with other settings it builds again, so all builds have the same ones.
    const STRIP: &str = "CARGO_PROFILE_RELEASE_STRIP";
    let bench = std::env::current_exe().expect("this program has a path");
    if std::env::var_os(STRIP).is_none() {
        let mut again = Command::new(&bench);
        let status = again
            .env(STRIP, "true")
            .env("CARGO_INCREMENTAL", "0")
            .status();
        assert!(status.expect("it runs").success(), "the benchmark failed");
        return;
    }
    let timed = std::env::var("IFC_BENCH_LAMBDA").as_deref() != Ok("run");
    let profile = bench
        .parent()
        .and_then(Path::parent)
        .expect("cargo put it there");
    let (ours, theirs) = (profile.join("lambda-ifc"), profile.join("lambda-hello"));
    if timed {
        for folder in [&ours, &theirs] {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
    let aws = [
        "--no-default-features",
        "--features",
        "aws",
        "--package",
        "orders",
    ];
    let (their_build, hello) = build(
        &root().join("tests/bench/hello-lambda"),
        &["--locked"],
        "hello-lambda",
        &theirs,
    );
    let (our_build, orders) = build(&root(), &aws, "orders", &ours);
    if timed {
        report(
            "release build of orders for aws, CPU",
            &format!("{our_build:.0} s"),
            &format!("{their_build:.0} s"),
            our_build / their_build,
            Target::AtMost(2.5),
        );
    }
    let megabytes = |bytes: f64| format!("{:.2} MB", bytes / 1e6);
    report(
        "program of orders for aws, stripped",
        &megabytes(size(&orders)),
        &megabytes(size(&hello)),
        size(&orders) / size(&hello),
        Target::AtMost(2.5),
    );

    let api = build_with_permissions("hello-api", &ours);
    let event = event();
    let mut cold = (Vec::new(), Vec::new(), Vec::new());
    let start = |program: &Path| {
        let started = Instant::now();
        let function = Function::start(program);
        function.invoke(&event);
        started.elapsed().as_secs_f64() * 1e3
    };
    for round in 0..COLD_STARTS {
        // In turns, each first as often as second.
        let (our_time, their_time) = match round % 2 {
            0 => (start(&api), start(&hello)),
            _ => {
                let their_time = start(&hello);
                (start(&api), their_time)
            }
        };
        cold.0.push(our_time);
        cold.1.push(their_time);
        cold.2.push(our_time / their_time);
    }
    let milliseconds = |times| format!("{:.2} ms", median(times));
    report(
        "start and first reply of hello-api",
        &milliseconds(cold.0),
        &milliseconds(cold.1),
        median(cold.2),
        Target::AtMost(1.25),
    );

    let (our_function, their_function) = (Function::start(&api), Function::start(&hello));
    let run = |function: &Function| {
        let started = Instant::now();
        for _ in 0..INVOCATIONS {
            function.invoke(&event);
        }
        started.elapsed().as_secs_f64() * 1e6 / INVOCATIONS as f64
    };
    run(&our_function);
    run(&their_function);
    let mut warm = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (our_time, their_time) = (run(&our_function), run(&their_function));
        warm.0.push(our_time);
        warm.1.push(their_time);
        warm.2.push(our_time / their_time);
    }
    let microseconds = |times| format!("{:.0} µs", median(times));
    report(
        "invocation of hello-api",
        &microseconds(warm.0),
        &microseconds(warm.1),
        median(warm.2),
        Target::AtMost(1.1),
    );
}
