//! What there is of a stage although nothing is recorded of it: found by its tags, and where a type
//! bears none, by what it is for.
//!
//! One API tells what bears tags, of whatever type, but for roles. What bears none goes with what it
//! is within, and is found there under its name; two do not: a schedule outlives its queue, and a
//! subscription outlives its queue on the topic's side.

use crate::catalog::{self, ROLE, SCHEDULE, SUBSCRIPTION};
use crate::lowering;
use crate::naming::{Context, tag};
use crate::parts::{self, Clients, Failure, Tags, Told, Values};
use ifc_engine::{ApplicationName, PartType, PhysicalName, StageName, Target, Value};
use std::collections::BTreeMap;

/// What is called beside the actions of the parts.
pub(crate) const ACTIONS: [&str; 3] = [
    "iam:ListRoles",
    "scheduler:ListSchedules",
    "tag:GetResources",
];

/// Things by page, where the API would give fewer.
const PAGE: i32 = 100;

/// Everything of the stage that is to be found.
pub(crate) async fn discover(
    aws: &Clients,
    application: &ApplicationName,
    stage: &StageName,
) -> Result<Vec<Target>, Failure> {
    let context = Context {
        account: aws.account.clone(),
        region: aws.region.clone(),
        application: application.clone(),
        stage: stage.clone(),
    };
    let (tagged, mut found, schedules) = tokio::try_join!(
        tagged(aws, &context),
        roles(aws, &context),
        schedules(aws, &context)
    )?;
    let things: Vec<Thing<'_>> = tagged.keys().filter_map(|arn| Thing::of(arn)).collect();
    let is = |part_types: [&str; 2]| {
        things
            .iter()
            .any(|thing| part_types.contains(&thing.part_type))
    };
    let mappings = match is([catalog::EVENT_SOURCE_MAPPING; 2]) {
        true => mappings(aws).await?,
        false => BTreeMap::new(),
    };
    let apis = match is([catalog::API, catalog::API_STAGE]) {
        true => apis(aws).await?,
        false => BTreeMap::new(),
    };
    for thing in &things {
        let Some((name, outputs)) = thing.located(&mappings, &apis) else {
            continue;
        };
        found.extend(target(
            thing.part_type,
            name,
            outputs,
            tagged[thing.arn].clone(),
        ));
    }
    for (name, receiver) in schedules {
        if let Some(tags) = tagged.get(&receiver) {
            let tags = beside(tags, "schedule");
            found.extend(target(SCHEDULE, name, Values::new(), tags));
        }
    }
    let topics = things
        .iter()
        .filter(|thing| thing.part_type == catalog::TOPIC);
    found.extend(subscriptions(aws, topics, &tagged).await?);
    Ok(found)
}

/// A thing whose tags say which part it is. What they do not is of another making.
fn target(part_type: &str, name: String, outputs: Values, tags: Tags) -> Option<Target> {
    let (resource, part) = (tags.get(tag::RESOURCE)?, tags.get(tag::PART)?);
    Some(Target {
        address: lowering::address(resource, part).ok()?,
        part_type: PartType::new(part_type),
        physical_name: PhysicalName::new(name),
        outputs,
        tags,
    })
}

/// The tags of the part of this name for the same resource.
fn beside(tags: &Tags, part: &str) -> Tags {
    let mut tags = tags.clone();
    tags.insert(tag::PART.to_owned(), part.to_owned());
    tags
}

/// Something that bears tags, by its ARN.
struct Thing<'a> {
    arn: &'a str,
    part_type: &'static str,
    place: Place<'a>,
}

/// Where a thing is, as far as its ARN says.
#[derive(Debug, PartialEq, Eq)]
enum Place<'a> {
    /// Under this physical name.
    Name(String),
    /// AWS knows it by this id.
    Id(&'a str),
    /// In what AWS knows by the id, by this name.
    Within(&'a str, String),
}

impl<'a> Thing<'a> {
    /// What an ARN is of; `None` when it is of no type that bears tags here.
    fn of(arn: &'a str) -> Option<Thing<'a>> {
        let mut fields = arn.splitn(6, ':');
        let (service, path) = (fields.nth(2)?, fields.nth(2)?);
        let (sort, rest) = path.split_once([':', '/']).unwrap_or((path, ""));
        let named = |part_type, name: &str| Some((part_type, Place::Name(name.to_owned())));
        let (part_type, place) = match (service, sort) {
            ("s3", _) => named(catalog::BUCKET, path),
            ("sqs", _) => named(catalog::QUEUE, path),
            ("sns", _) => named(catalog::TOPIC, path),
            ("dynamodb", "table") => named(catalog::TABLE, rest),
            ("kinesis", "stream") => named(catalog::STREAM, rest),
            ("events", "event-bus") => named(catalog::EVENT_BUS, rest),
            ("events", "rule") => named(catalog::RULE, rest),
            ("lambda", "function") => named(catalog::FUNCTION, rest),
            ("lambda", "event-source-mapping") => {
                Some((catalog::EVENT_SOURCE_MAPPING, Place::Id(rest)))
            }
            // To some, the ARN of a group is that of everything in it.
            ("logs", "log-group") => {
                let group = rest.strip_suffix(":*").unwrap_or(rest);
                named(catalog::LOG_GROUP, group)
            }
            // AWS adds a dash and six characters.
            ("secretsmanager", "secret") => {
                let name = rest.get(..rest.len().checked_sub(7)?)?;
                named(catalog::SECRET, name)
            }
            ("ssm", "parameter") => named(catalog::PARAMETER, &path[sort.len()..]),
            ("apigateway", "") => {
                let mut words = rest.strip_prefix("apis/")?.split('/');
                let api = words.next()?;
                match (words.next(), words.next()) {
                    (None, _) => Some((catalog::API, Place::Id(api))),
                    (Some("stages"), Some(stage)) => {
                        let stage = parts::unescaped(stage);
                        Some((catalog::API_STAGE, Place::Within(api, stage)))
                    }
                    _ => None,
                }
            }
            _ => None,
        }?;
        Some(Thing {
            arn,
            part_type,
            place,
        })
    }

    /// Its physical name, and the outputs by which it is found again. `None` when what it is within
    /// is gone.
    fn located(
        &self,
        mappings: &BTreeMap<String, String>,
        apis: &BTreeMap<String, String>,
    ) -> Option<(String, Values)> {
        Some(match &self.place {
            Place::Name(name) => (name.clone(), Values::new()),
            Place::Within(api, name) => (format!("{}/{name}", apis.get(*api)?), Values::new()),
            Place::Id(id) if self.part_type == catalog::API => {
                (apis.get(*id)?.clone(), Values::new())
            }
            Place::Id(id) => {
                let name = lowering::mapping_name(mappings.get(*id)?);
                let outputs = Values::from([("Ref".to_owned(), Value::text(*id))]);
                (name, outputs)
            }
        })
    }
}

/// What bears the tags of the stage, by ARN.
async fn tagged(aws: &Clients, context: &Context) -> Result<BTreeMap<String, Tags>, Failure> {
    use aws_sdk_resourcegroupstagging::types::TagFilter;
    let filter = |key: &str, value: &str| TagFilter::builder().key(key).values(value).build();
    let mut found = BTreeMap::new();
    let mut next = None;
    loop {
        let call = aws.tagging.get_resources().resources_per_page(PAGE);
        let answer = call
            .tag_filters(filter(tag::APPLICATION, context.application.as_str()))
            .tag_filters(filter(tag::STAGE, context.stage.as_str()))
            .set_pagination_token(next)
            .send()
            .await;
        let answer = answer.told("tag:GetResources", "the things of the stage")?;
        for mapping in answer.resource_tag_mapping_list.unwrap_or_default() {
            let tags = mapping.tags.unwrap_or_default().into_iter();
            let tags = tags.map(|tag| (tag.key, tag.value)).collect();
            found.extend(mapping.resource_arn.map(|arn| (arn, tags)));
        }
        next = answer.pagination_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// The roles of the stage, which the API of tags does not know. IAM has no regions, so those of the
/// same stage in another one are told by their names.
async fn roles(aws: &Clients, context: &Context) -> Result<Vec<Target>, Failure> {
    let entry = catalog::find(ROLE).expect("roles are in the catalog");
    let mut found = Vec::new();
    let mut next = None;
    loop {
        let answer = aws.iam.list_roles().set_marker(next).send().await;
        let answer = answer.told("iam:ListRoles", "the account")?;
        let names = answer.roles.iter().map(|role| role.role_name());
        for name in names.filter(|name| name.starts_with(&context.prefix())) {
            let tags = match parts::role_tags(aws, name).await {
                // Whoever may not look at it did not make it either.
                Err(failure) if failure.is_denied() => continue,
                tags => tags?.unwrap_or_default(),
            };
            let is = |tag: &str, value: &str| tags.get(tag).is_some_and(|is| is == value);
            let is_here = match (tags.get(tag::RESOURCE), tags.get(tag::PART)) {
                (Some(resource), Some(part)) => context.fixed(entry, resource, part) == name,
                _ => false,
            };
            if is(tag::APPLICATION, context.application.as_str())
                && is(tag::STAGE, context.stage.as_str())
                && is_here
            {
                found.extend(target(ROLE, name.to_owned(), Values::new(), tags));
            }
        }
        next = answer.marker.filter(|_| answer.is_truncated);
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// Schedules that are named like the stage's, with what each sends to.
async fn schedules(aws: &Clients, context: &Context) -> Result<Vec<(String, String)>, Failure> {
    let mut found = Vec::new();
    let mut next = None;
    loop {
        let call = aws.scheduler.list_schedules().max_results(PAGE);
        let call = call.group_name("default").name_prefix(context.prefix());
        let answer = call.set_next_token(next).send().await;
        let answer = answer.told("scheduler:ListSchedules", "the account")?;
        for schedule in answer.schedules {
            let receiver = schedule.target.map(|target| target.arn);
            found.extend(schedule.name.zip(receiver));
        }
        next = answer.next_token;
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// The subscriptions of the stage's queues to its topics.
async fn subscriptions<'a>(
    aws: &Clients,
    topics: impl Iterator<Item = &'a Thing<'a>>,
    tagged: &BTreeMap<String, Tags>,
) -> Result<Vec<Target>, Failure> {
    // By queue, which says whose they are.
    let mut edges: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for topic in topics {
        for (queue, _) in parts::subscribed(aws, topic.arn).await? {
            edges.entry(queue).or_default().push(topic.arn);
        }
    }
    let mut found = Vec::new();
    for (queue, topics) in &edges {
        let Some(of_queue) = tagged.get(queue) else {
            continue;
        };
        for topic in topics {
            let name = |arn: &str| arn.rsplit(':').next().unwrap_or_default().to_owned();
            let of_topic = tagged.get(*topic).and_then(|tags| tags.get(tag::RESOURCE));
            let of_topic = of_topic.map(String::as_str).unwrap_or_default();
            let part = lowering::subscription_part(of_topic, topics.len());
            let name = format!("{}/{}", name(topic), name(queue));
            found.extend(target(
                SUBSCRIPTION,
                name,
                Values::new(),
                beside(of_queue, &part),
            ));
        }
    }
    Ok(found)
}

/// Which alias each mapping is of, as `function/alias`, by its id.
async fn mappings(aws: &Clients) -> Result<BTreeMap<String, String>, Failure> {
    let mut found = BTreeMap::new();
    let mut next = None;
    loop {
        let call = aws.lambda.list_event_source_mappings().set_marker(next);
        let answer = call.send().await;
        let answer = answer.told("lambda:ListEventSourceMappings", "the account")?;
        for mapping in answer.event_source_mappings.unwrap_or_default() {
            let function = mapping.function_arn.as_deref().unwrap_or_default();
            let words = function.splitn(7, ':').nth(6);
            let alias = words.map(|words| words.replacen(':', "/", 1));
            found.extend(mapping.uuid.zip(alias));
        }
        next = answer.next_marker.filter(|marker| !marker.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// What each API is called, by its id.
async fn apis(aws: &Clients) -> Result<BTreeMap<String, String>, Failure> {
    let all = parts::all_apis(aws).await?.into_iter();
    Ok(all
        .filter_map(|api| Some((api.api_id?, api.name?)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{CATALOG, Entry, Name};

    /// The ARN of a part as AWS tells it.
    fn arn(entry: &Entry, name: &str) -> String {
        let arns = entry.arns_of("aws", "eu-west-1", "123456789012", name);
        // A secret is also known by an ARN without the six characters that AWS puts behind its name.
        let whole = arns.iter().find(|arn| arn.ends_with("-??????"));
        let arn = whole.unwrap_or(&arns[0]).replace("??????", "AbC123");
        match entry.part_type {
            catalog::API => arn + "/a1b2",
            catalog::API_STAGE => arn.replace('*', "a1b2") + "/%24default",
            _ => arn.replace('*', "a1b2"),
        }
    }

    #[test]
    fn whatever_bears_tags_is_known_by_its_arn() {
        let mappings = BTreeMap::from([("a1b2".to_owned(), "shop-dev-f-abcdef/live".to_owned())]);
        let apis = BTreeMap::from([("a1b2".to_owned(), "shop-dev-api-abcdef".to_owned())]);
        // Roles are found otherwise.
        let tagged = (CATALOG.iter())
            .filter(|entry| entry.tags != catalog::Tags::None && entry.part_type != ROLE);
        for entry in tagged {
            let name = match (entry.part_type, entry.name) {
                (catalog::EVENT_SOURCE_MAPPING, _) => "shop-dev-f-abcdef/live/events",
                (catalog::API, _) => "shop-dev-api-abcdef",
                (catalog::API_STAGE, _) => "shop-dev-api-abcdef/$default",
                (catalog::PARAMETER, _) => "/ifc/shop/dev/limit",
                (catalog::LOG_GROUP, _) => "/aws/lambda/shop-dev-f-abcdef",
                (_, Name::Property { .. }) => "shop-dev-x-abcdef",
                (_, Name::Within { .. }) => "shop-dev-bus-abcdef/shop-dev-rule-abcdef",
            };
            let arn = arn(entry, name);
            let thing = Thing::of(&arn).unwrap_or_else(|| panic!("{arn}"));
            assert_eq!(thing.part_type, entry.part_type, "{arn}");
            let (found, _) = thing.located(&mappings, &apis).unwrap();
            assert_eq!(found, name, "{arn}");
        }
    }

    #[test]
    fn strangers_are_of_no_type() {
        for arn in [
            "",
            "arn:aws:sqs",
            "arn:aws:ec2:eu-west-1:123456789012:instance/i-1",
            "arn:aws:apigateway:eu-west-1::/restapis/a1b2",
            "arn:aws:apigateway:eu-west-1::/apis/a1b2/models/m",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:short",
            "arn:aws:lambda:eu-west-1:123456789012:layer:l",
        ] {
            assert!(Thing::of(arn).is_none(), "{arn}");
        }
    }

    #[test]
    fn what_says_not_which_part_it_is_is_left_alone() {
        let tags = Tags::from([(tag::RESOURCE.to_owned(), "orders".to_owned())]);
        let name = || "shop-dev-orders-abcdef".to_owned();
        assert_eq!(
            target(catalog::QUEUE, name(), Values::new(), tags.clone()),
            None
        );
        let found = target(
            catalog::QUEUE,
            name(),
            Values::new(),
            beside(&tags, "queue"),
        );
        assert_eq!(found.unwrap().address, "orders/queue".parse().unwrap());
    }
}
