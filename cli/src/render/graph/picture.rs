//! What is drawn: boxes and arrows, before anybody knows where.

use super::text::{resource_details, unit_details};
use ifc_graph::{Graph, Resource, ResourceId, Source, Unit, UnitSort};
use ifc_manifest::Kind;
use std::collections::BTreeMap;

/// Boxes and arrows.
#[derive(Debug)]
pub(super) struct Picture {
    /// The application and its version.
    pub(super) title: (String, String),
    /// In the order in which they should stand, from the top.
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
}

/// A box.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) shape: Shape,
    pub(super) title: String,
    pub(super) lines: Vec<Line>,
}

/// What a box stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// The routes of an API.
    Routes,
    /// The times of a schedule.
    Clock,
    /// A unit.
    Unit,
    /// A queue.
    Queue,
    /// A topic.
    Topic,
    /// A stream.
    Stream,
    /// An event bus.
    EventBus,
    /// A table.
    Table,
    /// A bucket.
    Bucket,
    /// A secret.
    Secret,
    /// A configuration value.
    Config,
}

/// One line of a box.
#[derive(Debug)]
pub(super) enum Line {
    /// Something about it.
    Detail(String),
    /// A route.
    Route { method: String, path: String },
}

/// An arrow between two boxes, by their positions.
#[derive(Debug)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) label: Option<String>,
}

/// Routes beyond this number are counted, not listed.
const ROUTES_MAX: usize = 16;

impl Picture {
    /// What to draw of a graph.
    pub(super) fn of(graph: &Graph) -> Picture {
        let mut picture = Picture {
            title: (
                graph.application.package.clone(),
                graph.application.version.clone(),
            ),
            nodes: Vec::new(),
            edges: Vec::new(),
        };
        let mut units = BTreeMap::new();
        for unit in &graph.units {
            units.insert(unit.name.as_str(), picture.add_unit(unit, graph));
        }
        let mut resources = BTreeMap::new();
        for resource in &graph.resources {
            // An API is drawn as its unit.
            if let Some(shape) = shape(resource.id.kind) {
                let node = picture.add(shape, &resource.id.name, resource_lines(resource));
                resources.insert(&resource.id, node);
            }
        }
        for trigger in &graph.triggers {
            if let Source::Events { resource, .. } = &trigger.source
                && let (Some(from), Some(to)) =
                    (resources.get(resource), units.get(trigger.unit.as_str()))
            {
                picture.connect(*from, *to, None);
            }
        }
        for subscription in &graph.subscriptions {
            let (from, to) = (
                resources.get(&subscription.topic),
                resources.get(&subscription.queue),
            );
            if let (Some(from), Some(to)) = (from, to) {
                picture.connect(*from, *to, None);
            }
        }
        for binding in graph.bindings.iter().flatten() {
            let target = target(&binding.resource, &resources, &units);
            if let (Some(from), Some(to)) = (units.get(binding.unit.as_str()), target) {
                let verbs: Vec<&str> = binding.grants.iter().map(|verb| verb.as_str()).collect();
                picture.connect(*from, to, Some(verbs.join(", ")));
            }
        }
        picture
    }

    fn add(&mut self, shape: Shape, title: &str, lines: Vec<Line>) -> usize {
        self.nodes.push(Node {
            shape,
            title: title.to_owned(),
            lines,
        });
        self.nodes.len() - 1
    }

    fn connect(&mut self, from: usize, to: usize, label: Option<String>) {
        if from == to {
            let text = format!("itself: {}", label.unwrap_or_default());
            self.nodes[from].lines.push(Line::Detail(text));
        } else {
            self.edges.push(Edge { from, to, label });
        }
    }

    /// A unit, with what makes it run unless that is a resource.
    fn add_unit(&mut self, unit: &Unit, graph: &Graph) -> usize {
        let node = self.add(
            Shape::Unit,
            &unit.name,
            vec![Line::Detail(unit_details(unit))],
        );
        let mut routes = Vec::new();
        let mut clocks = Vec::new();
        for trigger in graph.triggers_of(&unit.name) {
            match &trigger.source {
                Source::Route { method, path } => routes.push(Line::Route {
                    method: method.clone(),
                    path: path.clone(),
                }),
                Source::Schedule(schedule) => clocks.push(super::text::timing(schedule)),
                Source::Call | Source::Events { .. } => {}
            }
        }
        if !routes.is_empty() && unit.sort == UnitSort::Api {
            let left = routes.len().saturating_sub(ROUTES_MAX);
            if left > 0 {
                routes.truncate(ROUTES_MAX);
                routes.push(Line::Detail(format!("and {left} more")));
            }
            let source = self.add(Shape::Routes, "HTTP", routes);
            self.connect(source, node, None);
        }
        for (when, zone) in clocks {
            let lines = zone.into_iter().map(Line::Detail).collect();
            let source = self.add(Shape::Clock, &when, lines);
            self.connect(source, node, None);
        }
        node
    }
}

fn shape(kind: Kind) -> Option<Shape> {
    match kind {
        Kind::Queue => Some(Shape::Queue),
        Kind::Topic => Some(Shape::Topic),
        Kind::Stream => Some(Shape::Stream),
        Kind::EventBus => Some(Shape::EventBus),
        Kind::Table => Some(Shape::Table),
        Kind::Bucket => Some(Shape::Bucket),
        Kind::Secret => Some(Shape::Secret),
        Kind::Config => Some(Shape::Config),
        Kind::HttpApi | Kind::Function | Kind::Schedule => None,
    }
}

/// Facts to a line, as many as keep the box narrow.
fn resource_lines(resource: &Resource) -> Vec<Line> {
    const CHARACTERS_MAX: usize = 30;
    const BETWEEN: &str = " · ";
    let mut lines = vec![resource.id.kind.to_string()];
    for detail in resource_details(resource) {
        match lines.last_mut() {
            Some(line)
                if line.chars().count() + BETWEEN.chars().count() + detail.chars().count()
                    <= CHARACTERS_MAX =>
            {
                line.push_str(BETWEEN);
                line.push_str(&detail);
            }
            _ => lines.push(detail),
        }
    }
    lines.into_iter().map(Line::Detail).collect()
}

/// What a binding leads to: a resource, or the unit of a function.
fn target(
    id: &ResourceId,
    resources: &BTreeMap<&ResourceId, usize>,
    units: &BTreeMap<&str, usize>,
) -> Option<usize> {
    resources
        .get(id)
        .or_else(|| units.get(id.name.as_str()))
        .copied()
}
