//! Reading permissions: how long it takes, how much memory, and what it adds to a build.

use ifc_bench::package::{Package, ifc_dependencies, root};
use ifc_bench::{Target, median, report};
use std::process::Command;

const EDIT_ROUNDS: usize = 9;

/// The link of an application, analysed in each profile, with the milliseconds that it may take.
fn analysis(what: &str, package: &Package, targets: &[(&str, f64)]) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (profile, target) in targets {
        let file = directory.path().join("report");
        let linker = format!("-Clinker={}", env!("CARGO_BIN_EXE_bench-cc"));
        let mut command = Command::new(env!("CARGO"));
        command.args(["rustc", "--offline", "--profile", profile, "--", &linker]);
        package.run(command.env("IFC_BENCH_REPORT", &file));
        let text = std::fs::read_to_string(&file).expect("the linker's report");
        let [ms, kib, objects] = Vec::from_iter(text.split(' '))[..] else {
            panic!("time, memory and objects: {text}");
        };
        let ms: f64 = ms.parse().expect("a number");
        let mib = kib.parse::<f64>().expect("a number") / 1024.0;
        let met = if ms <= *target { "met" } else { "MISSED" };
        println!(
            "{:<44} {ms:>11.1} ms  {mib:>6.0} MiB  {objects:>5} objects  target ≤ {target} ms  {met}",
            format!("analysis of {what}, {profile}")
        );
    }
}

/// The same edit, linked by cargo and linked through us.
fn edit(package: &Package) {
    let linker = format!("-Clinker={}", env!("CARGO_BIN_EXE_ifc-cc"));
    let plain = ["build", "--offline"];
    let through = ["rustc", "--offline", "--", &linker];
    package.cargo(&plain);
    package.cargo(&through);
    let (mut with, mut without, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..EDIT_ROUNDS {
        let plain_time = package.build_after_edit(2 * round, &plain);
        let through_time = package.build_after_edit(2 * round + 1, &through);
        with.push(through_time);
        without.push(plain_time);
        ratios.push(through_time / plain_time);
    }
    let seconds = |times| format!("{:.2} s", median(times));
    report(
        "build of orders after an edit, with analysis",
        &seconds(with),
        &seconds(without),
        median(ratios),
        Target::AtMost(1.1),
    );
}

fn example(name: &str) -> String {
    let path = root().join("examples").join(name).join("src/main.rs");
    let source = std::fs::read_to_string(path).expect("the example");
    source
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default()
        .replace("#[cfg(test)]\nmod tests;\n", "")
}

/// An application with clients of three cloud services. Compiling it takes minutes, once: it is
/// built where `cargo test -p ifc-corpus-harness --test large -- --ignored` builds it too.
fn large() {
    let what = "a large application";
    if std::env::var_os("IFC_BENCH_LARGE").is_none() {
        println!(
            "analysis of {what:<32} skipped: it compiles for minutes; IFC_BENCH_LARGE=1 asks for it"
        );
        return;
    }
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => target.into(),
        None => root().join("target"),
    };
    let package = Package::existing(root().join("tests/large"), target.join("large"));
    analysis(what, &package, &[("dev", 300.0)]);
}

fn main() {
    let usual = [("dev", 150.0), ("release", 50.0)];
    let hello = Package::new(&ifc_dependencies(), &example("hello-api"));
    analysis("hello-api", &hello, &usual);
    let dependencies = ifc_dependencies() + "tracing = \"0.1\"\n";
    let orders = Package::new(&dependencies, &example("orders"));
    let model = root().join("examples/orders/src/model.rs");
    std::fs::copy(model, orders.path().join("src/model.rs")).expect("a new file");
    analysis("orders (tokio, axum, serde, redb)", &orders, &usual);
    large();
    edit(&orders);
}
