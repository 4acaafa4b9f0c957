//! Config: values of the stage, or their defaults (contract, 4.10).

use crate::clause::{Clause, clause};
use crate::declare::{Declarations, target};
use crate::trial::{Running, Trial, accepted, refused, succeed};
use ifc_manifest::kind::config::{ConfigKnobs, POLL_SECONDS_MIN};
use ifc_runtime::ErrorKind;
use serde_json::{Value, json};

pub(crate) fn clauses() -> Vec<Clause> {
    vec![
        clause!(
            "4.10",
            "config-default",
            "without a value of the stage the declared default is in force",
            default
        ),
        clause!(
            "4.10",
            "config-missing",
            "without either a value is not ready, and the error says which",
            missing
        ),
        clause!(
            "4.10",
            "config-stage",
            "the stage's value goes before the default",
            stage,
            outage = true,
            waits = 1
        ),
        clause!(
            "4.10",
            "config-dynamic",
            "a dynamic value reaches a running unit",
            dynamic,
            waits = 60
        ),
        clause!(
            "1",
            "config-unknown",
            "reading a value that is not there is an error",
            unknown
        ),
    ]
}

const BANNER: &str = r#"{"text":"grüße","sizes":[1,2.5,null]}"#;

async fn open(trial: Trial) -> Running {
    let with_default = ConfigKnobs {
        default: Some(BANNER),
        ..ConfigKnobs::DEFAULT
    };
    let dynamic = ConfigKnobs {
        default: Some("1"),
        dynamic: true,
    };
    let declarations = Declarations::new()
        .config("banner", with_default)
        .config("region", ConfigKnobs::DEFAULT)
        .config("speed", dynamic);
    trial.open(declarations).await
}

impl Running {
    async fn read_config(&self, name: &str) -> Value {
        let text = accepted("read", self.provider().read_config(target(name)).await);
        serde_json::from_str(&text).expect("a configuration value is JSON")
    }

    async fn set_config(&mut self, name: &str, value: Value) {
        succeed(
            "set a value",
            self.stage.set_config(name, &value.to_string()).await,
        );
    }
}

async fn default(trial: Trial) {
    let running = open(trial).await;
    let expected: Value = serde_json::from_str(BANNER).expect("JSON");
    assert_eq!(running.read_config("banner").await, expected);
}

async fn missing(trial: Trial) {
    let running = open(trial).await;
    let result = running.provider().read_config(target("region")).await;
    let error = refused(
        "reading a value without a default",
        ErrorKind::NotReady,
        result,
    );
    assert!(error.to_string().contains("region"), "{error}");
}

async fn stage(trial: Trial) {
    let mut running = open(trial).await;
    running.set_config("banner", json!("stage")).await;
    running.set_config("region", json!({ "name": "eu" })).await;
    // A value that is not dynamic is fixed when a unit starts.
    running.outage(1).await;
    assert_eq!(running.read_config("banner").await, json!("stage"));
    assert_eq!(running.read_config("region").await, json!({ "name": "eu" }));
}

async fn dynamic(trial: Trial) {
    let mut running = open(trial).await;
    assert_eq!(running.read_config("speed").await, json!(1));
    running.set_config("speed", json!(2)).await;
    running.advance(2 * POLL_SECONDS_MIN).await;
    assert_eq!(running.read_config("speed").await, json!(2));
}

async fn unknown(trial: Trial) {
    let running = open(trial).await;
    let result = running.provider().read_config(target("nowhere")).await;
    assert!(result.is_err(), "{result:?}");
}
