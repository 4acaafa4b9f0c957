//! Reading permissions: how long it takes, how much memory, and what it adds to a build.

use ifc_bench::package::{Package, ifc_dependencies, root};
use ifc_bench::{Target, median, report};
use std::process::Command;

const EDIT_ROUNDS: usize = 9;

/// The link of an application, analysed in dev and in release.
fn analysis(what: &str, package: &Package, dev_ms: f64, release_ms: f64) {
    for (profile, target) in [("dev", dev_ms), ("release", release_ms)] {
        let file = package.path().join("report");
        let linker = format!("-Clinker={}", env!("CARGO_BIN_EXE_bench-cc"));
        let mut command = Command::new(env!("CARGO"));
        command.args(["rustc", "--offline", "--profile", profile, "--", &linker]);
        package.run(command.env("IFC_BENCH_REPORT", &file));
        let text = std::fs::read_to_string(&file).expect("the linker's report");
        let (ms, kib) = text.split_once(' ').expect("time and memory");
        let ms: f64 = ms.parse().expect("a number");
        let mib = kib.parse::<f64>().expect("a number") / 1024.0;
        let met = if ms <= target { "met" } else { "MISSED" };
        println!(
            "{:<44} {ms:>11.1} ms  {mib:>6.0} MiB  target ≤ {target} ms  {met}",
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

fn main() {
    let hello = Package::new(&ifc_dependencies(), &example("hello-api"));
    analysis("hello-api", &hello, 150.0, 50.0);
    let dependencies = ifc_dependencies() + "tracing = \"0.1\"\n";
    let orders = Package::new(&dependencies, &example("orders"));
    let model = root().join("examples/orders/src/model.rs");
    std::fs::copy(model, orders.path().join("src/model.rs")).expect("a new file");
    analysis("orders (tokio, axum, serde, redb)", &orders, 150.0, 50.0);
    edit(&orders);
    println!(
        "{:<44} skipped: the repository has no application of 900 objects and more yet",
        "analysis of a large application"
    );
}
