//! A data directory without its application.

use crate::changes::message;
use crate::declare::{
    Manual, application, consumes, handler, map, open, queue, resource, target, text,
};
use ifc_local::{OpenError, Storage, offline};
use ifc_manifest::Kind;
use ifc_manifest::format::Value;
use ifc_runtime::config::ConfigOperations as _;
use ifc_runtime::handler::Thunk;
use ifc_runtime::queue::QueueOperations as _;
use ifc_runtime::secret::SecretOperations as _;
use ifc_runtime::{BoxFuture, Delivery, Outcome};

fn gives_up(deliveries: Vec<Delivery>) -> BoxFuture<'static, Vec<Outcome>> {
    Box::pin(async move { vec![Outcome::dead_letter("no use"); deliveries.len()] })
}

#[tokio::test]
async fn the_command_line_works_on_what_an_application_left() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let key = directory.path().join("key");
    let storage = || Storage::Directory {
        path: data.clone(),
        fsync: Default::default(),
        key_file: Some(key.clone()),
    };
    let work = handler("work", consumes("jobs", 1), 40, Thunk::Event(gives_up));
    let dynamic = map([("dynamic", Value::Bool(true)), ("default", text("30"))]);
    let resources = vec![
        queue("jobs", false),
        resource(
            Kind::Secret,
            "payment-key",
            map([("retention", text("retain"))]),
        ),
        resource(Kind::Config, "keep-days", dynamic),
    ];
    let application = application(resources, vec![work]);

    // Before the first run: a secret may be set, nothing else is known.
    let store = offline::Store::open_with_key(&data, Some(key.clone())).unwrap();
    assert_eq!(store.set_secret("payment-key", b"s3cret").unwrap(), 1);
    let error = store.depth("jobs").unwrap_err();
    assert!(error.is_not_found());
    drop(store);

    let clock = Manual::at(1_000);
    let local = open(&application, storage(), &clock).unwrap();
    let value = local.read_secret(target("payment-key")).await.unwrap();
    assert_eq!(value.expose_bytes(), b"s3cret");
    let sent = local
        .send(target("jobs"), vec![message("1", None), message("2", None)])
        .await;
    let id = sent.unwrap()[0].as_ref().unwrap().id.clone();
    let edge = local.edges()[0].id;
    let leases = local.receive(edge, 1).await.unwrap();
    let outcomes = local.run(edge, &leases).await;
    local
        .finish(edge, leases[0].receipt, outcomes[0].clone())
        .await
        .unwrap();
    let in_use = offline::Store::open(&data);
    assert!(matches!(
        in_use,
        Err(OpenError::InUse {
            process: Some(_),
            ..
        })
    ));
    drop(local);

    let store = offline::Store::open_with_key(&data, Some(key.clone())).unwrap();
    assert_eq!(store.queues(), ["jobs"]);
    let letters = store.dead_letters("jobs").unwrap();
    assert_eq!(
        (letters[0].id.as_str(), letters[0].reason.as_str()),
        (id.as_str(), "no use")
    );
    assert_eq!(store.redrive("jobs", Some(vec![id.clone()])).unwrap(), 1);
    assert_eq!(store.depth("jobs").unwrap().dead, 0);
    assert!(
        store
            .depth("job")
            .unwrap_err()
            .to_string()
            .contains("did you mean `jobs`?")
    );
    let configs = store.configs().unwrap();
    assert_eq!(
        (configs[0].value.as_deref(), configs[0].set),
        (Some("30"), false)
    );
    assert!(store.set_config("keep-days", "thirty").is_err());
    store.set_config("keep-days", "31").unwrap();
    let secrets = store.secrets().unwrap();
    assert_eq!(
        (secrets[0].name.as_str(), secrets[0].version),
        ("payment-key", Some(1))
    );
    drop(store);

    let local = open(&application, storage(), &clock).unwrap();
    assert_eq!(local.read_config(target("keep-days")).await.unwrap(), "31");
    let redriven = local.receive(edge, 9).await.unwrap();
    let redriven = redriven
        .iter()
        .find(|lease| lease.delivery.id == id)
        .unwrap();
    assert_eq!(redriven.delivery.attempt, 1);
    assert_eq!(local.peek("jobs", 9).unwrap().len(), 2);
}
