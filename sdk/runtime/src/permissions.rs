//! The permissions that the tool embedded into the running program, and a provider that enforces
//! them.
//!
//! `ifc` reads what each handler may do out of the program's own link and puts it into the section
//! `.ifc.permissions`. A program that was built by plain cargo has no such section, and then
//! nothing is enforced. On a cloud the same sets become the policies of the units' identities; here
//! they are checked in process, so that an operation the analysis did not foresee fails on a laptop
//! as it would there.

use crate::intercept::{Intercepted, Interceptor};
use crate::{Application, BoxFuture, Error, ErrorKind, Invocation, Provider, Target, json};
use ifc_manifest::{Kind, Verb};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::future::ready;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::sync::Arc;

/// The section's name.
const SECTION: &[u8] = b".ifc.permissions";

/// More than any program's permissions take.
const SECTION_BYTES_MAX: u64 = 64 * 1024 * 1024;

#[derive(Clone, Debug)]
struct Grant {
    package: String,
    name: String,
    kind: String,
    verb: String,
}

/// Why the permissions of the running program are not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoGrants {
    /// It was built without the tool, which embeds them.
    Absent,
    /// They could not be derived, for this reason.
    Underivable(String),
    /// What is embedded is not about this program, or of another version of the tool.
    Unreadable,
}

impl fmt::Display for NoGrants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoGrants::Absent => f.write_str(
                "this program has no permissions in it: it was built by plain cargo; build it with \
                 `ifc build`",
            ),
            NoGrants::Underivable(reason) => {
                write!(
                    f,
                    "the permissions of this program could not be derived: {reason}"
                )
            }
            NoGrants::Unreadable => f.write_str(
                "the permissions in this program cannot be read: build it again, with the version \
                 of `ifc` that it depends on",
            ),
        }
    }
}

impl std::error::Error for NoGrants {}

impl NoGrants {
    /// Logs what it means where nothing is enforced then: nothing to someone who used plain cargo.
    pub fn report(&self) {
        if *self != NoGrants::Absent {
            tracing::warn!("permissions are not enforced: {self}");
        }
    }
}

/// What each unit of an application may do.
#[derive(Clone, Debug, Default)]
pub struct UnitGrants {
    units: BTreeMap<String, Vec<Grant>>,
}

impl UnitGrants {
    /// Those embedded in the running program.
    ///
    /// # Errors
    /// When there are none, or when the tool could not derive them.
    pub fn of_this_program(application: &Application) -> Result<UnitGrants, NoGrants> {
        let program = std::env::current_exe().and_then(std::fs::File::open);
        let bytes = program.ok().and_then(section).ok_or(NoGrants::Absent)?;
        UnitGrants::decode(&bytes, application)
    }

    fn decode(bytes: &[u8], application: &Application) -> Result<UnitGrants, NoGrants> {
        let end = bytes.iter().rposition(|byte| *byte != 0);
        let end = end.ok_or(NoGrants::Unreadable)? + 1;
        let mut embedded = json::parse(&bytes[..end]).map_err(|_| NoGrants::Unreadable)?;
        if let Some(reason) = embedded.get("unavailable") {
            let reason = reason.as_str().unwrap_or("no reason is given");
            return Err(NoGrants::Underivable(reason.to_owned()));
        }
        UnitGrants::of(&mut embedded, application).ok_or(NoGrants::Unreadable)
    }

    fn of(embedded: &mut Value, application: &Application) -> Option<UnitGrants> {
        let permissions = embedded.get_mut("permissions")?;
        let lent = grants(permissions.get("initialisation")?)?;
        let mut by_path = Map::new();
        for handler in permissions.get_mut("handlers")?.as_array_mut()? {
            let path = handler.get("path")?.as_str()?.to_owned();
            by_path.insert(path, handler.get_mut("uses")?.take());
        }
        let mut units: BTreeMap<String, Vec<Grant>> = BTreeMap::new();
        for handler in &application.handlers {
            let descriptor = &handler.descriptor;
            let granted = units
                .entry(application.unit_of(descriptor))
                .or_insert_with(|| lent.clone());
            granted.append(&mut grants(by_path.get(&descriptor.path)?)?);
        }
        Some(UnitGrants { units })
    }

    /// Whether the current invocation's unit may do this. Code outside any invocation (a task that
    /// a handler spawned, a test) cannot be told apart and is let through.
    fn check(&self, target: Target<'_>, kind: Kind, verb: Verb) -> Result<(), Error> {
        let Some(invocation) = Invocation::current() else {
            return Ok(());
        };
        let allowed = self.units.get(&*invocation.unit).is_some_and(|grants| {
            grants.iter().any(|grant| {
                grant.name == target.name
                    && grant.verb == verb.as_str()
                    && grant.package == target.package
                    && grant.kind == kind.as_str()
            })
        });
        if allowed {
            return Ok(());
        }
        let message = format!(
            "unit `{}` has no permission for it: the built program was not seen to need it",
            invocation.unit
        );
        Err(Error::new(ErrorKind::Denied, message).on(target, verb))
    }
}

/// Read by hand: derived decoders would be a tenth of this crate's code, for one small document.
fn grants(uses: &Value) -> Option<Vec<Grant>> {
    let mut grants = Vec::new();
    for used in uses.as_array()? {
        let grant = used.get("grant")?;
        let text = |field| Some(grant.get(field)?.as_str()?.to_owned());
        grants.push(Grant {
            package: text("package")?,
            name: text("name")?,
            kind: text("kind")?,
            verb: text("verb")?,
        });
    }
    Some(grants)
}

/// The content of our section in an ELF file of 64 bits, little-endian: what our targets are.
fn section(mut file: std::fs::File) -> Option<Vec<u8>> {
    let mut at = |offset: u64, length: u64| -> Option<Vec<u8>> {
        if length > SECTION_BYTES_MAX {
            return None;
        }
        file.seek(SeekFrom::Start(offset)).ok()?;
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        file.read_exact(&mut bytes).ok()?;
        Some(bytes)
    };
    let u16_at = |bytes: &[u8], offset: usize| -> Option<u64> {
        let bytes = bytes.get(offset..offset + 2)?.try_into().ok()?;
        Some(u16::from_le_bytes(bytes).into())
    };
    let u64_at = |bytes: &[u8], offset: usize| -> Option<u64> {
        let bytes = bytes.get(offset..offset + 8)?.try_into().ok()?;
        Some(u64::from_le_bytes(bytes))
    };
    let header = at(0, 64)?;
    if !header.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let table = u64_at(&header, 0x28)?;
    let (entry, count, names) = (
        u16_at(&header, 0x3a)?,
        u16_at(&header, 0x3c)?,
        u16_at(&header, 0x3e)?,
    );
    let sections = at(table, entry.checked_mul(count)?)?;
    let field = |index: u64, offset: u64| {
        let place = usize::try_from(index.checked_mul(entry)?.checked_add(offset)?).ok()?;
        u64_at(&sections, place)
    };
    let texts = at(field(names, 0x18)?, field(names, 0x20)?)?;
    for index in 0..count {
        let name = usize::try_from(field(index, 0)? & 0xffff_ffff).ok()?;
        let text = texts.get(name..)?.split(|byte| *byte == 0).next()?;
        if text == SECTION {
            return at(field(index, 0x18)?, field(index, 0x20)?);
        }
    }
    None
}

/// Refuses what a unit was not granted.
pub struct Enforcement {
    grants: UnitGrants,
}

/// A provider that refuses what a unit was not granted.
pub type Enforced = Intercepted<Enforcement>;

impl Enforced {
    /// `inner` with these grants enforced.
    pub fn new(inner: Arc<dyn Provider>, grants: UnitGrants) -> Enforced {
        Intercepted {
            inner,
            interceptor: Enforcement { grants },
        }
    }
}

impl Interceptor for Enforcement {
    fn around<'a, T: Send + 'a>(
        &'a self,
        target: Target<'a>,
        kind: Kind,
        verb: Verb,
        operation: BoxFuture<'a, Result<T, Error>>,
    ) -> BoxFuture<'a, Result<T, Error>> {
        match self.grants.check(target, kind, verb) {
            Ok(()) => operation,
            Err(denied) => Box::pin(ready(Err(denied))),
        }
    }

    fn admit(&self, target: Target<'_>, kind: Kind, verb: Verb) -> Result<(), Error> {
        self.grants.check(target, kind, verb)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TraceContext;
    use crate::application::Handler;
    use crate::handler::Thunk;
    use ifc_manifest::kind::{secret, table};
    use ifc_manifest::{Address, HandlerDescriptor, SourceSpan, Trigger};

    fn application() -> Application {
        let descriptor = HandlerDescriptor {
            address: Address::new("shop", "fulfil"),
            path: "shop::fulfil".into(),
            trigger: Trigger::Call,
            unit: None,
            span: SourceSpan {
                file: "src/main.rs".into(),
                line: 1,
                column: 1,
                length: 6,
            },
        };
        let thunk = Thunk::Call(|_| Box::pin(async { Ok(Vec::new()) }));
        let handler = Handler { descriptor, thunk };
        match Application::new("shop", Vec::new(), vec![handler]) {
            Ok(application) => application,
            Err(error) => panic!("{error}"),
        }
    }

    const EMBEDDED: &[u8] = br#"{"permissions":{"version":1,"notes":[],
        "handlers":[{"package":"shop","name":"fulfil","path":"shop::fulfil","uses":[
            {"grant":{"package":"shop","name":"orders","kind":"table","verb":"get"},"way":[]}]}],
        "initialisation":[
            {"grant":{"package":"shop","name":"key","kind":"secret","verb":"read"},"way":[]}]}}"#;

    fn check(unit: Option<&str>, name: &str, kind: Kind, verb: Verb) -> Result<(), String> {
        let grants = UnitGrants::decode(EMBEDDED, &application()).expect("they are embedded");
        let target = Target {
            package: "shop",
            name,
        };
        let run = async || {
            grants
                .check(target, kind, verb)
                .map_err(|error| error.to_string())
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            match unit {
                None => run().await,
                Some(unit) => {
                    let invocation = Invocation {
                        unit: unit.into(),
                        event_id: "e-1".into(),
                        attempt: 1,
                        trace: TraceContext::root(),
                    };
                    invocation.run(run()).await
                }
            }
        })
    }

    #[test]
    fn a_unit_may_do_what_it_was_seen_to_need_and_no_more() {
        let fulfil = Some("fulfil");
        assert_eq!(check(fulfil, "orders", Kind::Table, table::GET), Ok(()));
        assert_eq!(check(fulfil, "key", Kind::Secret, secret::READ), Ok(()));
        let denied = check(fulfil, "orders", Kind::Table, table::PUT).expect_err("not granted");
        assert_eq!(
            denied,
            "put on `orders`: unit `fulfil` has no permission for it: the built program was not \
             seen to need it"
        );
        assert!(check(fulfil, "other", Kind::Table, table::GET).is_err());
        assert!(check(Some("stranger"), "orders", Kind::Table, table::GET).is_err());
        // The test itself, and tasks that handlers spawn, belong to no unit.
        assert_eq!(check(None, "orders", Kind::Table, table::PUT), Ok(()));
    }

    #[test]
    fn nothing_is_enforced_where_nothing_could_be_derived() {
        let unavailable = br#"{"unavailable":"the linker did the LTO"}"#;
        let why = |bytes| UnitGrants::decode(bytes, &application()).err();
        let reason = "the linker did the LTO".to_owned();
        assert_eq!(why(unavailable), Some(NoGrants::Underivable(reason)));
        for unreadable in [&b""[..], b"{", b"{}", b"[]"] {
            assert_eq!(why(unreadable), Some(NoGrants::Unreadable));
        }
    }
}
