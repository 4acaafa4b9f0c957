//! The portable contract, as far as the data half has kinds: tables, on an emulator.
//!
//! Clauses that need a trigger are not tried before there is an entry point that serves it.

use crate::aws::Aws;
use crate::emulated::{aws, call, endpoint, wiring};
use crate::table::DYNAMODB;
use crate::wiring::Wiring;
use ifc_conformance::{DeadLetter, Failure, Harness, Stage, Time, clauses, run_only};
use ifc_manifest::kind::table::{Key, Scalar, TableSpec};
use ifc_manifest::{Kind, ProviderId};
use ifc_runtime::axum::extract::Request;
use ifc_runtime::axum::response::Response;
use ifc_runtime::bucket::{
    BucketOperations, ByteRange, ListObjects, Object, ObjectHead, ObjectPage, PresignPut,
    PresignedPut, PutObject,
};
use ifc_runtime::{Application, BoxFuture, Clock, Error, ErrorKind, Provider, Target};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// What the suite asks of every provider and no clause here uses.
macro_rules! unused {
    ($($name:ident($($argument:ty),*) -> $output:ty;)*) => {$(
        fn $name<'a>(&'a self, _: Target<'a>, $(_: $argument),*) -> BoxFuture<'a, Result<$output, Error>> {
            let message = concat!("no clause that is tried here calls ", stringify!($name));
            Box::pin(std::future::ready(Err(Error::new(ErrorKind::Unsupported, message))))
        }
    )*};
}

impl BucketOperations for Aws {
    unused! {
        get_object(String, Option<ByteRange>) -> Option<Object>;
        head_object(String) -> Option<ObjectHead>;
        put_object(PutObject) -> String;
        delete_object(String) -> ();
        list_objects(ListObjects) -> ObjectPage;
        copy_object(String, String) -> String;
        presign_get(String, Duration) -> String;
        presign_put(PresignPut) -> PresignedPut;
    }
}

impl Provider for Aws {
    fn name(&self) -> &'static str {
        crate::PROVIDER
    }

    fn now(&self) -> SystemTime {
        self.transport.clock.now()
    }
}

struct Emulated {
    endpoint: String,
    stages: AtomicUsize,
}

impl Harness for Emulated {
    fn id(&self) -> ProviderId {
        ProviderId::Aws
    }

    fn provider(&self) -> String {
        "aws, on MiniStack".to_owned()
    }

    fn time(&self) -> Time {
        // What depends on the time in a table (expiry) is decided by our clock, not by DynamoDB's.
        Time::Virtual
    }

    fn open<'a>(
        &'a self,
        application: Arc<Application>,
        start: SystemTime,
    ) -> BoxFuture<'a, Result<Box<dyn Stage>, Failure>> {
        Box::pin(async move {
            let clock = Arc::new(ManualClock(Mutex::new(start)));
            let number = self.stages.fetch_add(1, Ordering::Relaxed);
            let maker = aws(&self.endpoint, Vec::new(), &wiring());
            let mut wiring = wiring();
            for table in application.of_kind(Kind::Table) {
                let name = application.name_of(&table.address);
                let physical = format!("conformance-{number}-{name}");
                let spec = TableSpec::decode(&table.config)?;
                call(
                    &maker,
                    &DYNAMODB,
                    "CreateTable",
                    create_table(&physical, &spec),
                )
                .await;
                wiring.tables.insert(name, physical);
            }
            let stage = OnEmulator {
                endpoint: self.endpoint.clone(),
                provider: provider(&self.endpoint, &application, &wiring, &clock),
                clock,
                application,
                wiring,
            };
            let stage: Box<dyn Stage> = Box::new(stage);
            Ok(stage)
        })
    }
}

/// A clock that moves when it is told to.
struct ManualClock(Mutex<SystemTime>);

impl ManualClock {
    fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }
}

fn provider(
    endpoint: &str,
    application: &Application,
    wiring: &Wiring,
    clock: &Arc<ManualClock>,
) -> Arc<Aws> {
    let mut aws = aws(endpoint, Vec::new(), wiring);
    aws.transport.clock = clock.clone();
    aws.application = Arc::new(application.clone());
    Arc::new(aws)
}

fn create_table(name: &str, spec: &TableSpec) -> Value {
    let mut attributes = BTreeMap::new();
    let mut keys = |key: &Key, sort: Option<&Key>| {
        let mut schema = Vec::new();
        for (key, role) in [(Some(key), "HASH"), (sort, "RANGE")] {
            let Some(key) = key else { continue };
            let scalar = match key.scalar {
                Scalar::String => "S",
                Scalar::Number => "N",
            };
            attributes.insert(key.name.clone(), scalar);
            schema.push(json!({ "AttributeName": key.name, "KeyType": role }));
        }
        schema
    };
    let own = keys(&spec.key, spec.sort.as_ref());
    let indexes: Vec<Value> = spec
        .indexes
        .iter()
        .map(|index| {
            json!({
                "IndexName": index.name,
                "KeySchema": keys(&index.key, index.sort.as_ref()),
                "Projection": { "ProjectionType": "ALL" },
            })
        })
        .collect();
    let attribute = |(name, scalar)| json!({ "AttributeName": name, "AttributeType": scalar });
    let attributes: Vec<Value> = attributes.into_iter().map(attribute).collect();
    let mut input = json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": attributes,
        "KeySchema": own,
    });
    if !indexes.is_empty() {
        input["GlobalSecondaryIndexes"] = indexes.into();
    }
    input
}

struct OnEmulator {
    endpoint: String,
    clock: Arc<ManualClock>,
    application: Arc<Application>,
    wiring: Wiring,
    provider: Arc<Aws>,
}

fn not_driven<'a, T: Send + 'a>() -> BoxFuture<'a, Result<T, Failure>> {
    Box::pin(async { Err("no clause that is tried here needs it".into()) })
}

impl Stage for OnEmulator {
    fn provider(&self) -> Arc<dyn Provider> {
        self.provider.clone()
    }

    fn settle<'a>(&'a mut self) -> BoxFuture<'a, Result<(), Failure>> {
        // There are no handlers.
        Box::pin(async { Ok(()) })
    }

    fn advance<'a>(&'a mut self, by: Duration) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.clock.advance(by);
            Ok(())
        })
    }

    /// A unit that starts anew: the data are not in it.
    fn outage<'a>(&'a mut self, down: Duration) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.clock.advance(down);
            let (application, wiring) = (&self.application, &self.wiring);
            self.provider = provider(&self.endpoint, application, wiring, &self.clock);
            Ok(())
        })
    }

    fn take_and_die<'a>(&'a mut self, _: &'a str) -> BoxFuture<'a, Result<usize, Failure>> {
        not_driven()
    }

    fn dead_letters<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<DeadLetter>, Failure>> {
        not_driven()
    }

    fn redrive<'a>(&'a mut self, _: &'a str) -> BoxFuture<'a, Result<usize, Failure>> {
        not_driven()
    }

    fn replay<'a>(&'a mut self, _: &'a str, _: SystemTime) -> BoxFuture<'a, Result<(), Failure>> {
        not_driven()
    }

    fn set_secret<'a>(&'a mut self, _: &'a str, _: &'a [u8]) -> BoxFuture<'a, Result<(), Failure>> {
        not_driven()
    }

    fn set_config<'a>(&'a mut self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<(), Failure>> {
        not_driven()
    }

    fn request<'a>(&'a self, _: &'a str, _: Request) -> BoxFuture<'a, Result<Response, Failure>> {
        not_driven()
    }

    fn fetch<'a>(&'a self, _: Request) -> BoxFuture<'a, Result<Response, Failure>> {
        not_driven()
    }
}

#[tokio::test]
async fn tables_keep_the_contract() {
    let Some(endpoint) = endpoint("the contract of tables on DynamoDB") else {
        return;
    };
    let all = clauses();
    let tried: Vec<&str> = all
        .iter()
        .map(|clause| clause.id)
        .filter(|id| id.starts_with("table-") && !id.starts_with("table-change"))
        .collect();
    let stages = AtomicUsize::new(0);
    run_only(Arc::new(Emulated { endpoint, stages }), &tried)
        .await
        .check();
}
