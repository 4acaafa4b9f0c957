//! Trying AWS on this machine, on an emulator.

use super::Line;
use crate::arguments::Global;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// What leads every tool of AWS to another address.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// How to have an emulator, and to be led to it.
const HOW: &str = "install and start MiniStack, on the loopback interface, in a terminal of its own:\n\
    python3 -m venv ministack\n\
    ministack/bin/pip install 'ministack[full]==1.5.33'\n\
    PATH=$PWD/ministack/bin:$PATH BIND_HOST=127.0.0.1 GATEWAY_PORT=4566 IOT_MTLS_ENABLED=0 \
    AWS_ENDPOINT_URL=http://127.0.0.1:4566 ministack\n\
    and in the terminal where you work (12 digits as a key are the number of the account):\n\
    export AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_REGION=eu-south-1\n\
    export AWS_ACCESS_KEY_ID=123456789012 AWS_SECRET_ACCESS_KEY=any";

/// What there is to say.
pub(super) fn lines(global: &Global) -> Vec<Line> {
    let mut lines = build(global);
    lines.push(emulator());
    lines
}

fn emulator() -> Line {
    const CHECK: &str = "emulator";
    let endpoint = std::env::var(ENDPOINT).unwrap_or_default();
    if endpoint.is_empty() {
        return Line::warn(
            CHECK,
            format!("`{ENDPOINT}` is not set, so AWS itself is meant"),
            HOW,
        );
    }
    match answers(&endpoint) {
        true => Line::ok(CHECK, format!("something answers at {endpoint}")),
        false => Line::warn(CHECK, format!("nothing answers at {endpoint}"), HOW),
    }
}

fn answers(endpoint: &str) -> bool {
    let Some((_, rest)) = endpoint.split_once("://") else {
        return false;
    };
    let host = rest.split('/').next().unwrap_or_default();
    let with_port = match host.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => host.to_owned(),
        _ if endpoint.starts_with("https") => format!("{host}:443"),
        _ => format!("{host}:80"),
    };
    let Ok(mut addresses) = with_port.to_socket_addrs() else {
        return false;
    };
    let wait = Duration::from_secs(2);
    addresses.any(|address| TcpStream::connect_timeout(&address, wait).is_ok())
}

#[cfg(feature = "aws")]
fn build(global: &Global) -> Vec<Line> {
    use crate::application;
    use crate::build::Build;

    const CHECK: &str = "build for aws";
    let Ok(project) = application::find(global) else {
        // Said already.
        return Vec::new();
    };
    vec![match Build::for_aws(&project) {
        Ok(build) => Line::ok(CHECK, build.target().to_owned()),
        Err(failure) => Line::fail(CHECK, failure.message, failure.help.unwrap_or_default()),
    }]
}

#[cfg(not(feature = "aws"))]
fn build(_: &Global) -> Vec<Line> {
    let failure = crate::stage::unavailable("aws");
    let help = failure.help.unwrap_or_default();
    vec![Line::fail("build for aws", failure.message, help)]
}
