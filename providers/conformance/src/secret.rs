//! Secret: values that are never printed (contract, 4.10).

use crate::clause::{Clause, clause};
use crate::declare::{Declarations, target};
use crate::trial::{Running, Trial, accepted, refused, succeed};
use ifc_manifest::kind::secret::{CACHE_SECONDS_MAX, Charset, SecretSpec};
use ifc_manifest::size::SECRET_BYTES_MAX;
use ifc_runtime::ErrorKind;
use ifc_runtime::secret::SecretValue;

pub(crate) fn clauses() -> Vec<Clause> {
    vec![
        clause!(
            "4.10",
            "secret-missing",
            "a secret without a value is not ready, and the error says which",
            missing
        ),
        clause!(
            "4.10",
            "secret-read",
            "a value reads back as it was set, whatever its bytes",
            read
        ),
        clause!(
            "4.10",
            "secret-rotated",
            "a new value is in force within 300 s",
            rotated,
            waits = 300
        ),
        clause!(
            "4.10",
            "secret-generated",
            "a generated value is of its length and characters, and made once",
            generated,
            waits = 300
        ),
        clause!(
            "4.10",
            "secret-hidden",
            "debug output does not show the value",
            hidden
        ),
        clause!(
            "4.10",
            "secret-durable",
            "a value outlives an outage",
            durable,
            outage = true,
            waits = 1
        ),
        clause!(
            "1",
            "secret-unknown",
            "reading a secret that is not there is an error",
            unknown
        ),
    ]
}

async fn open(trial: Trial) -> Running {
    trial
        .open(
            Declarations::new()
                .secret("payment-key", SecretSpec::DEFAULT)
                .secret("other", SecretSpec::DEFAULT),
        )
        .await
}

impl Running {
    async fn set_secret(&mut self, value: &[u8]) {
        succeed(
            "set a secret",
            self.stage.set_secret("payment-key", value).await,
        );
    }

    async fn read_secret(&self) -> SecretValue {
        let value = self.provider().read_secret(target("payment-key")).await;
        accepted("read", value)
    }
}

async fn missing(trial: Trial) {
    let mut running = open(trial).await;
    let result = running.provider().read_secret(target("payment-key")).await;
    let error = refused(
        "reading a secret without a value",
        ErrorKind::NotReady,
        result,
    );
    assert!(error.to_string().contains("payment-key"), "{error}");
    running.set_secret(b"hunter2").await;
    let result = running.provider().read_secret(target("other")).await;
    refused(
        "reading another secret without a value",
        ErrorKind::NotReady,
        result,
    );
}

async fn read(trial: Trial) {
    let mut running = open(trial).await;
    running.set_secret("pässwörd \u{1F511}\n".as_bytes()).await;
    assert_eq!(
        running.read_secret().await.expose(),
        Ok("pässwörd \u{1F511}\n")
    );
    let largest: Vec<u8> = (0..SECRET_BYTES_MAX)
        .map(|index| (index % 256) as u8)
        .collect();
    running.set_secret(&largest).await;
    running.advance(CACHE_SECONDS_MAX).await;
    let value = running.read_secret().await;
    assert!(
        value.expose_bytes() == largest,
        "a value of 24 KiB did not read back"
    );
}

async fn rotated(trial: Trial) {
    let mut running = open(trial).await;
    running.set_secret(b"old").await;
    assert_eq!(running.read_secret().await.expose_bytes(), b"old");
    running.set_secret(b"new").await;
    running.advance(CACHE_SECONDS_MAX).await;
    assert_eq!(running.read_secret().await.expose_bytes(), b"new");
}

async fn generated(trial: Trial) {
    let spec = |length, charset| SecretSpec {
        generated: Some((length, charset)),
        ..SecretSpec::DEFAULT
    };
    let declarations = Declarations::new()
        .secret("payment-key", spec(64, Charset::Hex))
        .secret("other", spec(64, Charset::Hex))
        .secret("long", spec(1_024, Charset::UrlSafe));
    let mut running = trial.open(declarations).await;
    let read = async |running: &Running, name: &str| {
        let value = running.provider().read_secret(target(name)).await;
        accepted("read", value).expose_bytes().to_vec()
    };
    let value = read(&running, "payment-key").await;
    assert_eq!(value.len(), 64);
    let of = |charset: Charset, value: &[u8]| {
        value.iter().all(|byte| charset.characters().contains(byte))
    };
    assert!(of(Charset::Hex, &value), "a character outside the set");
    assert!(
        read(&running, "other").await != value,
        "two secrets have one value"
    );
    let long = read(&running, "long").await;
    assert!(long.len() == 1_024 && of(Charset::UrlSafe, &long));
    running.advance(CACHE_SECONDS_MAX).await;
    assert!(
        read(&running, "payment-key").await == value,
        "it was made again"
    );
    running.set_secret(b"set").await;
    running.advance(CACHE_SECONDS_MAX).await;
    assert_eq!(read(&running, "payment-key").await, b"set");
}

async fn hidden(trial: Trial) {
    let mut running = open(trial).await;
    running.set_secret(b"hunter2").await;
    let value = running.read_secret().await;
    assert_eq!(value.expose(), Ok("hunter2"));
    for text in [
        format!("{value:?}"),
        format!("{value:#?}"),
        format!("{:?}", Some(&value)),
    ] {
        assert!(!text.contains("hunter2"), "{text}");
        // Nor as a list of bytes.
        assert!(!text.contains("104") && !text.contains("117"), "{text}");
    }
}

async fn durable(trial: Trial) {
    let mut running = open(trial).await;
    running.set_secret(b"hunter2").await;
    running.outage(1).await;
    assert_eq!(running.read_secret().await.expose_bytes(), b"hunter2");
}

async fn unknown(trial: Trial) {
    let running = open(trial).await;
    let result = running.provider().read_secret(target("nowhere")).await;
    assert!(result.is_err(), "{result:?}");
}
