//! The application as its own artifact describes it: the manifest joined with the handler table.

use crate::handler::{self, Thunk};
use crate::settings::Settings;
use ifc_manifest::format::{RawRecord, records};
use ifc_manifest::kind::SpecError;
use ifc_manifest::kind::edge::Edge;
use ifc_manifest::kind::http_api::{self, HttpApiSpec};
use ifc_manifest::kind::unit::{TIMEOUT_DEFAULT, UnitSpec};
use ifc_manifest::support::Demand;
use ifc_manifest::{
    Address, Descriptor, HandlerDescriptor, Kind, ResourceDescriptor, SourceSpan, Targets, Trigger,
};
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// A handler and how to run it.
#[derive(Clone)]
pub struct Handler {
    /// What is declared about it.
    pub descriptor: HandlerDescriptor,
    /// How to run it.
    pub thunk: Thunk,
}

/// One application: what it declares, in a fixed order.
#[derive(Clone)]
pub struct Application {
    /// The cargo package of the application itself.
    pub package: String,
    /// The providers that it is meant to run on: all, unless its `ifc::main!` says which.
    pub targets: Targets,
    /// Its resources and those of the libraries linked into it, by package and name.
    pub resources: Vec<ResourceDescriptor>,
    /// Its handlers, by package and name.
    pub handlers: Vec<Handler>,
    /// What is otherwise where it runs: nothing, unless somebody has set it.
    pub settings: Settings,
}

/// Why the running program's own declarations do not make an application. Every finding is listed.
#[derive(Debug)]
pub struct ApplicationError(Vec<String>);

impl fmt::Display for ApplicationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the declarations of this program contradict each other")?;
        for finding in &self.0 {
            write!(f, "\n  - {finding}")?;
        }
        f.write_str("\n`cargo ifc check` shows them with their source lines")
    }
}

impl std::error::Error for ApplicationError {}

impl Application {
    /// The application linked into this program. `package` is the cargo package that holds
    /// `ifc::main!()` or the test.
    ///
    /// # Errors
    /// Unreadable records, two declarations of one name, two consumers of one queue, routes that
    /// cannot be told apart, what one of the targets lacks.
    pub fn load(package: &str) -> Result<Application, ApplicationError> {
        let mut findings = Vec::new();
        let mut targets = Targets::ALL;
        let mut resources = Vec::new();
        let mut handlers = Vec::new();
        let entries = handler::entries().iter();
        let thunks: HashMap<usize, Thunk> = entries
            .map(|entry| (handler::record_offset(entry), entry.thunk()))
            .collect();
        for record in records(handler::record_section()) {
            let decoded = record
                .map_err(|error| error.to_string())
                .and_then(|record| decode(&record));
            match decoded {
                Ok((_, Descriptor::Application(application))) => {
                    if application.package == package {
                        targets = application.targets;
                    }
                }
                Ok((_, Descriptor::Resource(resource))) => resources.push(resource),
                Ok((offset, Descriptor::Handler(descriptor))) => match thunks.get(&offset).copied()
                {
                    Some(thunk) => handlers.push(Handler { descriptor, thunk }),
                    None => findings.push(format!(
                        "handler `{}` has a record but no entry in the handler table",
                        descriptor.path
                    )),
                },
                Err(finding) => findings.push(finding),
            }
        }
        let mut application = match Application::new(package, resources, handlers) {
            Ok(application) => application,
            Err(error) => {
                findings.extend(error.0);
                return Err(ApplicationError(findings));
            }
        };
        application.targets = targets;
        findings.extend(application.unavailable());
        match findings.is_empty() {
            true => Ok(application),
            false => Err(ApplicationError(findings)),
        }
    }

    /// An application of these declarations, meant for every provider. What a provider lacks is not
    /// looked for.
    ///
    /// # Errors
    /// As [`load`](Application::load).
    pub fn new(
        package: &str,
        resources: Vec<ResourceDescriptor>,
        handlers: Vec<Handler>,
    ) -> Result<Application, ApplicationError> {
        let resources = sorted(resources, |resource| {
            let Address { package, name } = &resource.address;
            format!("{package}\0{name}\0{:03}", resource.kind as u8)
        });
        let handlers = sorted(handlers, |handler| {
            let Address { package, name } = &handler.descriptor.address;
            format!("{package}\0{name}\0{}", handler.descriptor.path)
        });
        let application = Application {
            package: package.to_owned(),
            targets: Targets::ALL,
            resources,
            handlers,
            settings: Settings::default(),
        };
        let findings = application.contradictions();
        if findings.is_empty() {
            Ok(application)
        } else {
            Err(ApplicationError(findings))
        }
    }

    /// How the application names what is at `address`.
    pub fn name_of(&self, address: &Address) -> String {
        address.within(&self.package)
    }

    /// The resources of one kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &ResourceDescriptor> {
        self.resources
            .iter()
            .filter(move |resource| resource.kind == kind)
    }

    /// The unit that runs `handler`: the API for a route, otherwise the handler itself.
    pub fn unit_of(&self, handler: &HandlerDescriptor) -> String {
        match &handler.trigger {
            Trigger::Http { api, .. } => self.api_name(api.as_ref()),
            _ => self.name_of(&handler.address),
        }
    }

    /// The knobs in force of the unit that is this handler, which is no route.
    pub fn unit_spec(&self, handler: &HandlerDescriptor) -> UnitSpec {
        let spec = handler.unit.unwrap_or(UnitSpec::new(TIMEOUT_DEFAULT));
        self.as_set(&self.name_of(&handler.address), spec)
    }

    fn as_set(&self, unit: &str, mut spec: UnitSpec) -> UnitSpec {
        if let Some(set) = self.settings.units.get(unit) {
            spec.timeout = set.timeout.unwrap_or(spec.timeout);
            spec.max_instances = set.max_instances.unwrap_or(spec.max_instances);
        }
        spec
    }

    /// The APIs of the application, each with the configuration in force. The default one is there
    /// when a route needs it.
    pub fn apis(&self) -> BTreeMap<String, HttpApiSpec> {
        let mut apis: BTreeMap<String, HttpApiSpec> = BTreeMap::new();
        for resource in self.of_kind(Kind::HttpApi) {
            let spec = HttpApiSpec::decode(&resource.config).unwrap_or_default();
            apis.insert(self.name_of(&resource.address), spec);
        }
        for handler in &self.handlers {
            if let Trigger::Http { api, .. } = &handler.descriptor.trigger {
                apis.entry(self.api_name(api.as_ref())).or_default();
            }
        }
        for (name, spec) in &mut apis {
            spec.unit = self.as_set(name, spec.unit);
        }
        apis
    }

    fn api_name(&self, api: Option<&Address>) -> String {
        match api {
            Some(address) => self.name_of(address),
            None => http_api::DEFAULT_NAME.to_owned(),
        }
    }

    /// What is declared and not available on every target.
    fn unavailable(&self) -> Vec<String> {
        let mut findings = Vec::new();
        let mut look =
            |what: String, span: &SourceSpan, demands: Result<Vec<Demand>, SpecError>| {
                for demand in demands.unwrap_or_default() {
                    if let Err(unavailable) = demand.check(self.targets) {
                        findings.push(format!("{what} at {span}: {unavailable}"));
                    }
                }
            };
        for resource in &self.resources {
            let what = format!("{} `{}`", resource.kind, self.name_of(&resource.address));
            look(what, &resource.span, resource.demands());
        }
        for Handler { descriptor, .. } in &self.handlers {
            let what = format!("unit `{}`", self.unit_of(descriptor));
            look(what, &descriptor.span, descriptor.demands());
        }
        findings
    }

    fn contradictions(&self) -> Vec<String> {
        let mut seen: HashMap<String, &SourceSpan> = HashMap::new();
        let mut findings = Vec::new();
        let mut claim = |what: String, name: String, span| {
            let text = format!("{what} `{name}`");
            if let Some(first) = seen.get(&text) {
                findings.push(format!(
                    "{text} is declared twice: at {first} and at {span}"
                ));
            }
            seen.insert(text, span);
        };
        for resource in &self.resources {
            claim(
                resource.kind.to_string(),
                self.name_of(&resource.address),
                &resource.span,
            );
        }
        for Handler { descriptor, .. } in &self.handlers {
            let span = &descriptor.span;
            match &descriptor.trigger {
                Trigger::Http { api, method, path } => {
                    let route = format!("{method} {}", crate::http::route_shape(path));
                    let api = self.api_name(api.as_ref());
                    claim(format!("route of `{api}`"), route, span);
                }
                Trigger::Source { resource, edge, .. } => {
                    claim("unit".into(), self.name_of(&descriptor.address), span);
                    // Other sources have any number of handlers.
                    if edge == Edge::Consumer.as_str() {
                        claim(format!("{edge} of"), self.name_of(resource), span);
                    }
                }
                Trigger::Call | Trigger::Schedule(_) => {
                    claim("unit".into(), self.name_of(&descriptor.address), span);
                }
            }
        }
        findings.extend(self.overlaps());
        findings
    }

    /// Routes of one API that the router cannot hold together: it knows one parameter name in each
    /// place, and no `{rest..}` beside a parameter.
    fn overlaps(&self) -> Vec<String> {
        let mut routers: Vec<(String, matchit::Router<&SourceSpan>)> = Vec::new();
        let mut known: HashMap<String, &SourceSpan> = HashMap::new();
        let mut findings = Vec::new();
        for Handler { descriptor, .. } in &self.handlers {
            let Trigger::Http { api, path, .. } = &descriptor.trigger else {
                continue;
            };
            let api = self.api_name(api.as_ref());
            // The same template with another method is the same place.
            let place = format!("{api} {path}");
            if known.insert(place, &descriptor.span).is_some() {
                continue;
            }
            let at = match routers.iter().position(|(known, _)| *known == api) {
                Some(at) => at,
                None => {
                    routers.push((api, matchit::Router::new()));
                    routers.len() - 1
                }
            };
            let inserted = routers[at]
                .1
                .insert(crate::http::router_path(path), &descriptor.span);
            if let Err(matchit::InsertError::Conflict { with }) = inserted {
                let with = with.replace("{*", "{");
                findings.push(format!(
                    "the route {path} at {} cannot be told from {with}: give the parameters in \
                     one place one name, and no `{{rest..}}` beside a parameter",
                    descriptor.span
                ));
            }
        }
        findings
    }
}

/// In the order of their keys. By a sort of the keys, because one of each sort of item is 8 KB of
/// every program.
fn sorted<T>(items: Vec<T>, key: impl Fn(&T) -> String) -> Vec<T> {
    let order = order(items.iter().map(key).collect());
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    let places = order.into_iter();
    places.filter_map(|place| items[place].take()).collect()
}

/// The places of keys, in the order of these.
fn order(keys: Vec<String>) -> Vec<usize> {
    let mut keys: Vec<(String, usize)> = keys.into_iter().zip(0..).collect();
    keys.sort();
    keys.into_iter().map(|(_, place)| place).collect()
}

fn decode(record: &RawRecord<'_>) -> Result<(usize, Descriptor), String> {
    match Descriptor::decode(record) {
        Ok(descriptor) => Ok((record.offset, descriptor)),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifc_manifest::ProviderId;

    fn route(line: u32, method: &str, path: &str) -> Handler {
        Handler {
            descriptor: HandlerDescriptor {
                address: Address::new("shop", format!("route-{line}")),
                path: format!("shop::route_{line}"),
                trigger: Trigger::Http {
                    api: None,
                    method: method.into(),
                    path: path.into(),
                },
                unit: None,
                span: SourceSpan {
                    file: "src/main.rs".into(),
                    line,
                    column: 1,
                    length: 1,
                },
            },
            thunk: Thunk::Call(|_| Box::pin(async { Ok(Vec::new()) })),
        }
    }

    fn check(routes: Vec<Handler>, expected: &[&str]) {
        let findings = match Application::new("shop", Vec::new(), routes) {
            Ok(_) => Vec::new(),
            Err(error) => error.0,
        };
        assert_eq!(findings, expected);
    }

    #[test]
    fn what_a_target_lacks_is_said_at_the_start() {
        let mut unit = UnitSpec::new(TIMEOUT_DEFAULT);
        unit.max_instances = 5;
        let mut small = route(3, "GET", "/");
        small.descriptor.trigger = Trigger::Call;
        small.descriptor.unit = Some(unit);
        let application = Application::new("shop", Vec::new(), vec![small]);
        let mut application = application.expect("nothing contradicts itself");
        assert_eq!(
            application.unavailable(),
            [
                "unit `route-3` at src/main.rs:3:1: 5 for max_instances is not available on azure \
                 because Flex Consumption has no maximum below 40 instances (azure allows 40 to \
                 1000); ask for 40 or more, or leave azure out of the targets",
            ]
        );
        application.targets = Targets::only(ProviderId::Aws).with(ProviderId::Gcp);
        assert_eq!(application.unavailable(), [""; 0]);
    }

    #[test]
    fn routes_that_the_router_cannot_hold_are_findings_and_no_panic() {
        check(
            vec![
                route(1, "GET", "/orders/{id}"),
                route(2, "DELETE", "/orders/{id}"),
                route(3, "GET", "/orders/new"),
                route(4, "GET", "/files/{rest..}"),
            ],
            &[],
        );
        check(
            vec![
                route(1, "GET", "/orders/{id}"),
                route(2, "DELETE", "/orders/{order}"),
            ],
            &[
                "the route /orders/{order} at src/main.rs:2:1 cannot be told from /orders/{id}: give \
               the parameters in one place one name, and no `{rest..}` beside a parameter",
            ],
        );
        check(
            vec![route(1, "GET", "/a/{id}"), route(2, "GET", "/a/{id}")],
            &[
                "route of `api` `GET /a/{}` is declared twice: at src/main.rs:1:1 and at \
               src/main.rs:2:1",
            ],
        );
    }
}
