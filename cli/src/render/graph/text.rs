//! The graph as a tree of text.

use crate::terminal::{HEADING, NAME, QUIET, columns, paint};
use ifc_graph::{Graph, Resource, Source, Spec, Unit};
use ifc_manifest::kind::edge::Selection;
use ifc_manifest::kind::event_bus::{Match, Pattern};
use ifc_manifest::kind::schedule::{ScheduleSpec, Timing};
use ifc_manifest::kind::table::{ChangeStream, Index, Key};
use ifc_manifest::kind::topic::Test;
use std::time::Duration;

pub(super) fn write(graph: &Graph) -> String {
    let mut text = format!(
        "{} {}\n",
        paint(HEADING, &graph.application.package),
        paint(QUIET, &graph.application.version)
    );
    for unit in &graph.units {
        text.push('\n');
        text.push_str(&format!(
            "{} {}\n",
            paint(NAME, &unit.name),
            paint(QUIET, &format!("({})", unit_details(unit)))
        ));
        text.push_str(&tree(unit, graph));
    }
    let resources: Vec<&Resource> = graph
        .resources
        .iter()
        .filter(|resource| !matches!(resource.spec, Spec::HttpApi(_)))
        .collect();
    if !resources.is_empty() {
        text.push_str(&format!("\n{}\n", paint(HEADING, "resources")));
        let rows: Vec<Vec<String>> = resources
            .iter()
            .map(|resource| {
                vec![
                    format!("  {}", resource.id.kind),
                    paint(NAME, &resource.id.name),
                    paint(QUIET, &details(resource, graph).join(", ")),
                ]
            })
            .collect();
        text.push_str(&columns(&rows));
    }
    text
}

/// What is worth knowing about a resource, with the topics that it takes messages of.
fn details(resource: &Resource, graph: &Graph) -> Vec<String> {
    let mut details = resource_details(resource);
    let mut subscriptions = graph.subscriptions.clone();
    subscriptions.retain(|subscription| subscription.queue == resource.id);
    details.extend(subscriptions.iter().map(|subscription| {
        let from = format!("from {}", subscription.topic);
        match selection(&subscription.selection) {
            Some(which) => format!("{from} {which}"),
            None => from,
        }
    }));
    details
}

/// What makes a unit run and what it uses, one branch each.
fn tree(unit: &Unit, graph: &Graph) -> String {
    let mut rows: Vec<Vec<String>> = graph
        .triggers_of(&unit.name)
        .map(|trigger| {
            let source = match &trigger.source {
                Source::Route { method, path } => format!("{method:<6} {path}"),
                Source::Call => "invoked by its callers".to_owned(),
                Source::Schedule(schedule) => match timing(schedule) {
                    (when, Some(zone)) => format!("{when} {zone}"),
                    (when, None) => when,
                },
                Source::Events { resource, spec } => {
                    let source = format!("{} {}", resource.kind, paint(NAME, &resource.name));
                    match selection(&spec.selection) {
                        Some(which) => format!("{source} {}", paint(QUIET, &which)),
                        None => source,
                    }
                }
            };
            vec![source, paint(QUIET, &trigger.handler.path)]
        })
        .collect();
    for binding in graph
        .bindings
        .iter()
        .flatten()
        .filter(|binding| binding.unit == unit.name)
    {
        let verbs: Vec<&str> = binding.grants.iter().map(|verb| verb.as_str()).collect();
        rows.push(vec![
            format!(
                "may use {} {}",
                binding.resource.kind,
                paint(NAME, &binding.resource.name)
            ),
            verbs.join(", "),
        ]);
    }
    let count = rows.len();
    columns(&rows)
        .lines()
        .enumerate()
        .map(|(at, line)| match at + 1 == count {
            true => format!("└─ {line}\n"),
            false => format!("├─ {line}\n"),
        })
        .collect()
}

/// When a schedule fires, and in which time zone if that matters.
pub(super) fn timing(schedule: &ScheduleSpec) -> (String, Option<String>) {
    match (&schedule.expression, schedule.timing) {
        (Some(expression), _) => (expression.clone(), Some(schedule.time_zone.clone())),
        (None, Timing::Rate(rate)) => (format!("every {}", duration(rate.every())), None),
        (None, Timing::Cron(_)) => (String::new(), Some(schedule.time_zone.clone())),
    }
}

/// What a unit is and asks for: "api, 1024 MB, 20 s".
pub(super) fn unit_details(unit: &Unit) -> String {
    let memory = unit.spec.memory_mb.map(|mb| format!("{mb} MB, "));
    format!(
        "{}, {}{}",
        unit.sort,
        memory.unwrap_or_default(),
        duration(unit.spec.timeout)
    )
}

/// What is worth knowing about a resource at a glance.
pub(super) fn resource_details(resource: &Resource) -> Vec<String> {
    match &resource.spec {
        Spec::HttpApi(_) => Vec::new(),
        Spec::Queue(queue) => {
            let mut details = Vec::new();
            if queue.fifo {
                details.push("fifo".to_owned());
            }
            if let Some(lease) = queue.lease {
                details.push(format!("lease {}", duration(lease)));
            }
            details.push(format!("{} attempts", queue.retry.max_attempts));
            details
        }
        Spec::Topic(topic) => match topic.fifo {
            true => vec!["fifo".to_owned()],
            false => Vec::new(),
        },
        Spec::Stream(stream) => vec![format!("kept for {}", duration(stream.retention))],
        Spec::EventBus(bus) => {
            let owner = bus.owner.iter().map(|owner| format!("of {owner}"));
            let fields = bus.filterable.iter().map(String::clone);
            owner.chain(fields).collect()
        }
        Spec::Table(table) => {
            let mut details = vec![keys("key", &table.key, table.sort.as_ref())];
            details.extend(table.indexes.iter().map(index));
            details.extend(table.ttl.iter().map(|ttl| format!("expires by {ttl}")));
            if table.knobs.stream == ChangeStream::NewImage {
                details.push("change stream".to_owned());
            }
            details
        }
        Spec::Bucket(bucket) => bucket
            .expiry
            .iter()
            .map(|rule| format!("{}* expires after {}", rule.prefix, duration(rule.after)))
            .collect(),
        Spec::Secret(secret) => match secret.generated {
            Some((length, _)) => vec![format!("generated, {length} characters")],
            None => Vec::new(),
        },
        Spec::Config(config) => {
            let mut details = Vec::new();
            if config.dynamic {
                details.push("dynamic".to_owned());
            }
            details.extend(
                config
                    .default
                    .iter()
                    .map(|default| format!("default {}", shortened(default))),
            );
            details
        }
    }
}

/// Which events, for a person; `None`: all of them.
fn selection(selection: &Selection) -> Option<String> {
    match selection {
        Selection::Everything => None,
        Selection::Keys(filter) => Some(format!("[{}*{}]", filter.prefix, filter.suffix)),
        Selection::Attributes(filter) => {
            let tests = filter.tests.iter().map(|(key, test)| match test {
                Test::AnyOf(values) => format!("{key}: {}", values.join(" | ")),
                Test::Prefix(prefix) => format!("{key}: {prefix}…"),
                Test::Exists => format!("{key}: any"),
                Test::NotIn(values) => format!("{key}: not {}", values.join(" | ")),
            });
            Some(format!("[{}]", tests.collect::<Vec<_>>().join(", ")))
        }
        Selection::Pattern(pattern) => Some(format!("[{}]", tests(pattern).join(", "))),
    }
}

/// The tests of a pattern, one each.
fn tests(pattern: &Pattern) -> Vec<String> {
    let attributes = [
        ("type", &pattern.event_type),
        ("source", &pattern.source),
        ("subject", &pattern.subject),
    ];
    let of_attributes = attributes.into_iter().filter_map(|(what, test)| {
        Some(match test.as_ref()? {
            Match::AnyOf(values) => format!("{what}: {}", values.join(" | ")),
            Match::Prefix(prefix) => format!("{what}: {prefix}…"),
        })
    });
    let fields = pattern.fields.iter();
    let of_fields = fields.map(|(path, values)| format!("{path}: {}", values.join(" | ")));
    of_attributes.chain(of_fields).collect()
}

fn index(index: &Index) -> String {
    keys(
        &format!("index {}:", index.name),
        &index.key,
        index.sort.as_ref(),
    )
}

fn keys(what: &str, key: &Key, sort: Option<&Key>) -> String {
    match sort {
        Some(sort) => format!("{what} {} + {}", key.name, sort.name),
        None => format!("{what} {}", key.name),
    }
}

/// The beginning of a value that may be long.
fn shortened(text: &str) -> String {
    const CHARACTERS_MAX: usize = 24;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// "90 s", "20 min", "4 d": in the largest unit that needs no fraction.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if duration.subsec_nanos() > 0 {
        return format!("{} s", duration.as_secs_f64());
    }
    for (size, unit) in [(86_400, "d"), (3_600, "h"), (60, "min")] {
        // A minute and a half reads better as 90 s, one minute as 60 s.
        if seconds.is_multiple_of(size) && seconds >= 2 * size {
            return format!("{} {unit}", seconds / size);
        }
    }
    format!("{seconds} s")
}
