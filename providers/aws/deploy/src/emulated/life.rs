//! The life of a part: made, read, made again, changed in every property, found without its record,
//! taken for somebody else's, removed, removed again.

use super::{aws, cloud};
use crate::catalog::{self, CATALOG};
use crate::parts::{Tags, Values};
use crate::provider::Aws;
use ifc_emulators::ModelProxy;
use ifc_engine::{
    Actual, Desired, Owner, PartType, PhysicalName, Progress, Provider as _, ProviderError,
    ProviderErrorKind, Reading, Target, Value,
};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// How often something is looked at again before a test gives up; a bound on a failing test.
const LOOKS: usize = 400;

/// Every type of the catalog is tried here or in a module beside this one.
const TRIED: [&str; 25] = [
    catalog::ALIAS,
    catalog::API,
    catalog::API_STAGE,
    catalog::BUCKET,
    catalog::EVENT_BUS,
    catalog::EVENT_SOURCE_MAPPING,
    catalog::FUNCTION,
    catalog::INTEGRATION,
    catalog::LOG_GROUP,
    catalog::NOTIFICATIONS,
    catalog::OBJECT,
    catalog::PARAMETER,
    catalog::PERMISSION,
    catalog::QUEUE,
    catalog::QUEUE_POLICY,
    catalog::ROLE,
    catalog::ROLE_POLICY,
    catalog::ROUTE,
    catalog::RULE,
    catalog::SCHEDULE,
    catalog::SECRET,
    catalog::STREAM,
    catalog::SUBSCRIPTION,
    catalog::TABLE,
    catalog::TOPIC,
];

#[test]
fn no_type_is_forgotten() {
    for entry in CATALOG {
        assert!(
            crate::parts::part_type(entry.part_type).is_some(),
            "{entry:?}"
        );
        assert!(
            TRIED.contains(&entry.part_type),
            "{} is not tried",
            entry.part_type
        );
    }
    assert_eq!(CATALOG.len(), TRIED.len());
}

/// An account in which parts live.
pub(super) struct Scene {
    pub(super) aws: Aws,
    pub(super) models: &'static ModelProxy,
}

impl Scene {
    /// Somewhere to be alone. `None` when there is no emulator.
    pub(super) async fn set(what: &str, account: u64) -> Option<Scene> {
        Scene::with_archive(what, account, None).await
    }

    pub(super) async fn with_archive(
        what: &str,
        account: u64,
        archive: Option<PathBuf>,
    ) -> Option<Scene> {
        let models = cloud(what)?;
        let aws = aws(&models.endpoint(), account, archive).await;
        Some(Scene { aws, models })
    }

    /// What is needed by the part that is tried.
    pub(super) async fn have(&self, part_type: &str, name: &str, properties: Json) -> Values {
        let part = desired(part_type, name, &properties, &Values::new());
        create(&self.aws, &part).await.unwrap()
    }

    /// Whether every request so far was one that AWS would take.
    pub(super) fn end(&self) {
        assert_eq!(self.models.deviations(), []);
    }
}

pub(super) fn tags(stage: &str) -> Tags {
    let pairs = [
        ("ifc-app", "shop"),
        ("ifc-stage", stage),
        ("ifc-resource", "r"),
    ];
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// A part as the engine asks for it.
pub(super) fn desired(part_type: &str, name: &str, properties: &Json, outputs: &Values) -> Desired {
    let entry = catalog::find(part_type).unwrap();
    let Value::Map(properties) = crate::json::read(properties) else {
        panic!("{properties} is no map")
    };
    for property in properties.keys() {
        assert!(
            entry.on_change(property).is_some(),
            "{part_type} has no {property}"
        );
    }
    let streams = properties.contains_key("StreamSpecification");
    let declared = entry
        .outputs
        .iter()
        .filter(|output| !output.optional || streams);
    Desired {
        target: Target {
            address: "r/part".parse().unwrap(),
            part_type: PartType::new(part_type),
            physical_name: PhysicalName::new(name),
            outputs: outputs.clone(),
            tags: tags("dev"),
        },
        properties,
        outputs: declared.map(|output| output.name.to_owned()).collect(),
    }
}

/// Waits as the engine does.
async fn settled(
    aws: &Aws,
    part: &Desired,
    mut call: impl AsyncFnMut() -> Result<Progress<Actual>, ProviderError>,
) -> Result<Values, ProviderError> {
    let mut last = None;
    for _ in 0..LOOKS {
        match call().await {
            Ok(Progress::Done(actual)) => return Ok(actual.outputs),
            Ok(Progress::Pending { .. }) => {
                if let Some(outputs) = at_rest(aws, part).await {
                    return Ok(outputs);
                }
            }
            Err(error) if error.is_retryable() => last = Some(error),
            Err(error) => return Err(error),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} never settled: {last:?}", part.target.physical_name);
}

/// The outputs once it is at rest as was asked; `None` when it comes to rest otherwise.
async fn at_rest(aws: &Aws, part: &Desired) -> Option<Values> {
    for _ in 0..LOOKS {
        match aws.read(&part.target).await.unwrap() {
            Reading::Present { actual, .. } => {
                let same = actual
                    .properties
                    .iter()
                    .all(|(name, value)| set(part.properties.get(name)) == set(Some(value)));
                return same.then_some(actual.outputs);
            }
            Reading::Absent | Reading::Settling { .. } => {}
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    None
}

/// What it is like once it is at rest.
pub(super) async fn rests(aws: &Aws, target: &Target) -> Actual {
    for _ in 0..LOOKS {
        if let Reading::Present { actual, .. } = aws.read(target).await.unwrap() {
            return actual;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} never rested", target.physical_name);
}

fn set(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| **value != Value::Null)
}

pub(super) async fn create(aws: &Aws, part: &Desired) -> Result<Values, ProviderError> {
    settled(aws, part, async || {
        aws.create(part, "abcdefghijklmnopqrstuvwxyz").await
    })
    .await
}

pub(super) async fn update(
    aws: &Aws,
    from: &Actual,
    part: &Desired,
) -> Result<Values, ProviderError> {
    settled(aws, part, async || aws.update(from, part).await).await
}

pub(super) async fn delete(aws: &Aws, target: &Target) -> Result<(), ProviderError> {
    for _ in 0..LOOKS {
        match aws.delete(target).await {
            Ok(Progress::Done(())) => return Ok(()),
            Ok(Progress::Pending { .. }) => {}
            Err(error) if error.is_retryable() => {}
            Err(error) => return Err(error),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} was never removed", target.physical_name);
}

/// What there is, which has to be ours and as `part` asks for, so that a second plan is empty.
pub(super) async fn holds(aws: &Aws, part: &Desired, untold: &[&str]) -> Actual {
    let reading = aws.read(&part.target).await.unwrap();
    let Reading::Present { actual, owner } = reading else {
        panic!("{}: {reading:?}", part.target.part_type);
    };
    assert_eq!(owner, Owner::Ours);
    let names = actual.properties.keys().chain(part.properties.keys());
    for name in names.filter(|name| !untold.contains(&name.as_str())) {
        let wanted = set(part.properties.get(name));
        let is = set(actual.properties.get(name));
        assert_eq!(is, wanted, "{}.{name}", part.target.part_type);
    }
    let outputs: Vec<&String> = actual.outputs.keys().collect();
    assert_eq!(outputs, part.outputs.iter().collect::<Vec<_>>());
    actual
}

/// A part that is tried: in its first form, and in those it is changed to.
pub(super) struct Life {
    pub(super) part_type: &'static str,
    pub(super) name: &'static str,
    pub(super) forms: Vec<Json>,
    /// What AWS does not tell, such as values of secrets.
    pub(super) untold: &'static [&'static str],
    /// Whether its type bears tags, or its parent's does.
    pub(super) owned: bool,
}

/// Lets it live.
pub(super) async fn live(scene: &Scene, life: &Life) {
    let aws = &scene.aws;
    let form = |index: usize, outputs: &Values| {
        desired(life.part_type, life.name, &life.forms[index], outputs)
    };
    let unknown = Values::new();
    let first = form(0, &unknown);
    assert_eq!(aws.read(&first.target).await.unwrap(), Reading::Absent);
    aws.delete(&first.target).await.unwrap();

    let outputs = create(aws, &first).await.unwrap();
    let made = holds(aws, &form(0, &outputs), life.untold).await;
    assert_eq!(made.outputs, outputs);

    // Whoever made it was killed before it heard of it.
    let found = holds(aws, &first, life.untold).await;
    assert_eq!(found.outputs, outputs);
    let again = create(aws, &first).await.unwrap();
    assert_eq!(lasting(life, &again), lasting(life, &outputs));

    let mut from = made;
    for index in (1..life.forms.len()).chain([0]) {
        let wanted = form(index, &from.outputs);
        let told = update(aws, &from, &wanted).await.unwrap();
        assert_eq!(lasting(life, &told), lasting(life, &outputs));
        let now = holds(aws, &form(index, &told), life.untold).await;
        // Somebody changed it by hand, and it is brought back without knowing how it is.
        let drifted = form(0, &now.outputs);
        update(aws, &Actual::default(), &drifted).await.unwrap();
        let wanted = form(index, &now.outputs);
        update(aws, &Actual::default(), &wanted).await.unwrap();
        from = holds(aws, &form(index, &unknown), life.untold).await;
    }
    tagged(scene, &form(0, &from.outputs)).await;
    if life.owned {
        foreign(aws, &form(0, &from.outputs)).await;
    }

    delete(aws, &form(0, &from.outputs).target).await.unwrap();
    assert_eq!(aws.read(&first.target).await.unwrap(), Reading::Absent);
    delete(aws, &form(0, &from.outputs).target).await.unwrap();
    let gone = aws
        .update(&from, &form(0, &from.outputs))
        .await
        .unwrap_err();
    assert!(gone.to_string().contains("is gone"), "{gone}");
    scene.end();
}

/// The outputs that an update leaves alone.
fn lasting<'a>(life: &Life, outputs: &'a Values) -> BTreeMap<&'a String, &'a Value> {
    let entry = catalog::find(life.part_type).unwrap();
    let lasts = |name: &String| {
        let mut outputs = entry.outputs.iter();
        outputs.any(|output| output.name == name && !output.volatile)
    };
    outputs.iter().filter(|(name, _)| lasts(name)).collect()
}

/// Tags come and go, where the type has any of its own.
async fn tagged(scene: &Scene, part: &Desired) {
    let entry = catalog::find(part.target.part_type.as_str()).unwrap();
    if entry.tags == catalog::Tags::None {
        return;
    }
    let mut more = part.clone();
    more.target
        .tags
        .insert("feature".to_owned(), "checkout".to_owned());
    for wanted in [&more, part] {
        update(&scene.aws, &Actual::default(), wanted)
            .await
            .unwrap();
        let mut found = scene.aws.tags_of(&wanted.target).await.unwrap();
        found.retain(|key, _| key != "ifc-artifacts");
        assert_eq!(found, wanted.target.tags, "{}", part.target.part_type);
    }
}

/// To another stage it is somebody else's.
async fn foreign(aws: &Aws, part: &Desired) {
    let mut other = part.clone();
    other.target.tags = tags("prod");
    let reading = aws.read(&other.target).await.unwrap();
    let Reading::Present { owner, .. } = reading else {
        panic!("{reading:?}");
    };
    let description = "something with the tag ifc-stage=dev".to_owned();
    assert_eq!(owner, Owner::Foreign { description });
    let refusal = aws.delete(&other.target).await.unwrap_err();
    let taken = |error: &ProviderError| matches!(error.kind(), ProviderErrorKind::NameTaken { .. });
    assert!(taken(&refusal), "{refusal}");
    other.target.outputs.clear();
    // What belongs to something else is made through that, which is not there for a stranger.
    if catalog::find(part.target.part_type.as_str()).unwrap().tags != catalog::Tags::None {
        let refusal = aws
            .create(&other, "abcdefghijklmnopqrstuvwxyz")
            .await
            .unwrap_err();
        assert!(taken(&refusal), "{refusal}");
    }
    holds(aws, part, &UNTOLD).await;
}

/// Whatever any type does not tell.
const UNTOLD: [&str; 2] = ["GenerateSecretString", "Value"];
