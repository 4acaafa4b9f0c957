//! Where the things behind an application's resources are: what the deploy half writes into
//! [`WIRING_VARIABLE`] and the data half reads, by the names that the application uses.
//!
//! A unit's wiring has what the unit may use and nothing else. Lambda takes 4 KB of environment in
//! all, so region and account stand in it once, and of each thing only its name at AWS, which in
//! turn tells the name that the application has for it. ARNs and URLs are computed.

use ifc_manifest::Address;
use ifc_runtime::{Application, Error, ErrorKind, Target};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// The environment variable that holds a unit's wiring, as JSON.
pub const WIRING_VARIABLE: &str = "IFC_WIRING";

/// The version of the form that is written. Others are refused: a unit and its wiring are deployed
/// together.
pub const WIRING_VERSION: u32 = 1;

/// Where the things behind a unit's resources are: their names at AWS, by the names that the
/// application has for the resources (those of a library are `package/name`).
///
/// ```json
/// {
///   "version": 1,
///   "region": "eu-west-1",
///   "account": "123456789012",
///   "prefix": "shop-dev-",
///   "dead_letters": "shop-dev-notify-dlq-d4e5f6",
///   "queues": ["shop-dev-invoices-a1b2c3"],
///   "secrets": ["token=shop/api-token"]
/// }
/// ```
///
/// A name that is `prefix`, the resource's name, a dash and something without a dash stands alone;
/// any other has the resource's name and `=` before it. The partition follows from the region.
///
/// `N` is what a name at AWS is: text for the data half, and whatever will become a text for who
/// writes a wiring before all names are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wiring<N = String> {
    /// The region of everything.
    pub region: String,
    /// The account of everything, 12 digits.
    pub account: String,
    /// What most names at AWS begin with.
    pub prefix: String,
    /// The unit's own dead-letter queue: of the queue that it consumes, or of its hidden one.
    pub dead_letters: Option<N>,
    /// Queues: their names in SQS.
    pub queues: BTreeMap<String, N>,
    /// Topics: their names in SNS.
    pub topics: BTreeMap<String, N>,
    /// Buses: their names in EventBridge.
    pub buses: BTreeMap<String, N>,
    /// Streams: their names in Kinesis.
    pub streams: BTreeMap<String, N>,
    /// Tables: their names in DynamoDB.
    pub tables: BTreeMap<String, N>,
    /// Buckets: their names in S3.
    pub buckets: BTreeMap<String, N>,
    /// Secrets: their names in Secrets Manager.
    pub secrets: BTreeMap<String, N>,
    /// Configuration values that the stage may set: names of parameters of the Systems Manager.
    pub configs: BTreeMap<String, N>,
    /// Functions that are invoked: their names in Lambda. The alias is [`LIVE_ALIAS`].
    pub functions: BTreeMap<String, N>,
    /// Functions that are invoked asynchronously: the names of their hidden queues in SQS.
    pub calls: BTreeMap<String, N>,
}

/// The alias by which functions are invoked.
pub const LIVE_ALIAS: &str = "live";

/// A piece of the JSON form: text, or the name of a thing at AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<N> {
    /// Text as it stands.
    Text(String),
    /// A name. It is written as it is: AWS has no names with quotes, backslashes or control
    /// characters.
    Name(N),
}

/// Whether `physical` tells the resource's name: it is `prefix`, `name`, a dash, and something
/// without a dash.
pub fn tells(prefix: &str, name: &str, physical: &str) -> bool {
    told(prefix, physical) == Some(name)
}

/// The resource's name that `physical` tells.
fn told<'a>(prefix: &str, physical: &'a str) -> Option<&'a str> {
    let (name, _) = physical.strip_prefix(prefix)?.rsplit_once('-')?;
    (!name.is_empty()).then_some(name)
}

/// Why a wiring cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WiringError(String);

impl fmt::Display for WiringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the wiring in {WIRING_VARIABLE} cannot be used: {}; deploy the unit again with the \
             version of `ifc` that it was built with",
            self.0
        )
    }
}

impl std::error::Error for WiringError {}

impl<N> Wiring<N> {
    /// The wiring of a unit that uses nothing yet.
    pub fn new(region: &str, account: &str, prefix: &str) -> Wiring<N> {
        Wiring {
            region: region.to_owned(),
            account: account.to_owned(),
            prefix: prefix.to_owned(),
            dead_letters: None,
            queues: BTreeMap::new(),
            topics: BTreeMap::new(),
            buses: BTreeMap::new(),
            streams: BTreeMap::new(),
            tables: BTreeMap::new(),
            buckets: BTreeMap::new(),
            secrets: BTreeMap::new(),
            configs: BTreeMap::new(),
            functions: BTreeMap::new(),
            calls: BTreeMap::new(),
        }
    }

    fn sections(&self) -> [(&'static str, &BTreeMap<String, N>); 10] {
        [
            ("queues", &self.queues),
            ("topics", &self.topics),
            ("buses", &self.buses),
            ("streams", &self.streams),
            ("tables", &self.tables),
            ("buckets", &self.buckets),
            ("secrets", &self.secrets),
            ("configs", &self.configs),
            ("functions", &self.functions),
            ("calls", &self.calls),
        ]
    }

    /// The JSON form in pieces, for who does not know the names yet. `tells` is whether a name will
    /// tell the resource's, as [`tells`] decides for texts; to say no is always right, and longer.
    pub fn pieces(&self, tells: impl Fn(&str, &N) -> bool) -> Vec<Piece<N>>
    where
        N: Clone,
    {
        let quoted = |text: &str| Value::from(text).to_string();
        let mut pieces = Vec::new();
        let mut text = format!(
            "{{\"version\":{WIRING_VERSION},\"region\":{},\"account\":{},\"prefix\":{}",
            quoted(&self.region),
            quoted(&self.account),
            quoted(&self.prefix),
        );
        let mut name = |before: String, name: &N| {
            pieces.push(Piece::Text(before));
            pieces.push(Piece::Name(name.clone()));
        };
        if let Some(queue) = &self.dead_letters {
            name(text + ",\"dead_letters\":\"", queue);
            text = "\"".to_owned();
        }
        for (section, entries) in self.sections() {
            let mut separator = format!(",\"{section}\":[\"");
            for (resource, physical) in entries {
                text += &separator;
                if !tells(resource, physical) {
                    text += resource;
                    text += "=";
                }
                name(text, physical);
                text = "\"".to_owned();
                separator = ",\"".to_owned();
            }
            if !entries.is_empty() {
                text += "]";
            }
        }
        pieces.push(Piece::Text(text + "}"));
        pieces
    }
}

impl Wiring {
    /// Reads the JSON form. What is not known is refused: it would be a resource that the unit
    /// cannot find.
    ///
    /// # Errors
    /// When it is not JSON, has another version, lacks something, or has something unknown; the
    /// message names the place.
    pub fn parse(text: &str) -> Result<Wiring, WiringError> {
        let mut fields: Map<String, Value> = text
            .parse()
            .map_err(|error| WiringError(format!("it is no JSON object: {error}")))?;
        match fields.remove("version").as_ref().and_then(Value::as_u64) {
            Some(version) if version == u64::from(WIRING_VERSION) => {}
            Some(version) => {
                return Err(WiringError(format!(
                    "it has version {version}, and this program reads version {WIRING_VERSION}"
                )));
            }
            None => return Err(WiringError("`version` is missing or no number".to_owned())),
        }
        let mut word = |name: &str| match fields.remove(name) {
            Some(Value::String(word)) if !word.is_empty() => Ok(Some(word)),
            None => Ok(None),
            Some(_) => Err(WiringError(format!("`{name}` is no text"))),
        };
        let missing = |name: &str| WiringError(format!("`{name}` is missing"));
        let region = word("region")?.ok_or_else(|| missing("region"))?;
        let account = word("account")?.ok_or_else(|| missing("account"))?;
        let prefix = word("prefix")?.ok_or_else(|| missing("prefix"))?;
        let dead_letters = word("dead_letters")?;
        let mut section = |name| section(&mut fields, name, &prefix);
        let wiring = Wiring {
            queues: section("queues")?,
            topics: section("topics")?,
            buses: section("buses")?,
            streams: section("streams")?,
            tables: section("tables")?,
            buckets: section("buckets")?,
            secrets: section("secrets")?,
            configs: section("configs")?,
            functions: section("functions")?,
            calls: section("calls")?,
            region,
            account,
            dead_letters,
            prefix: prefix.clone(),
        };
        match fields.keys().next() {
            Some(unknown) => Err(WiringError(format!("`{unknown}` is not known"))),
            None => Ok(wiring),
        }
    }

    /// The JSON form.
    pub fn to_json(&self) -> String {
        let pieces = self.pieces(|name, physical| tells(&self.prefix, name, physical));
        let text = pieces.into_iter().map(|piece| match piece {
            Piece::Text(text) | Piece::Name(text) => text,
        });
        text.collect()
    }

    /// The ARN of a thing of this wiring's region and account: `resource` of `service`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        let Wiring {
            region, account, ..
        } = self;
        let partition = partition(region);
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

/// The part of AWS that a region lies in, as ARNs name it.
pub fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

fn section(
    fields: &mut Map<String, Value>,
    section: &str,
    prefix: &str,
) -> Result<BTreeMap<String, String>, WiringError> {
    let entries = match fields.remove(section) {
        None => return Ok(BTreeMap::new()),
        Some(Value::Array(entries)) => entries,
        Some(_) => return Err(WiringError(format!("`{section}` is no list"))),
    };
    let mut names = BTreeMap::new();
    for entry in entries {
        let Value::String(entry) = entry else {
            return Err(WiringError(format!("`{entry}` in `{section}` is no text")));
        };
        let (name, physical) = match entry.split_once('=') {
            Some((name, physical)) => (name, physical),
            None => {
                let name = told(prefix, &entry).ok_or_else(|| {
                    let message = format!("`{entry}` in `{section}` tells no resource's name");
                    WiringError(message)
                })?;
                (name, entry.as_str())
            }
        };
        let before = names.insert(name.to_owned(), physical.to_owned());
        if before.is_some() {
            return Err(WiringError(format!("`{name}` is in `{section}` twice")));
        }
    }
    Ok(names)
}

/// The name at AWS of what is behind `target`.
///
/// # Errors
/// `NotReady` when there is none.
pub(crate) fn find<'a>(
    section: &'a BTreeMap<String, String>,
    kind: &str,
    application: &Application,
    target: Target<'_>,
) -> Result<&'a str, Error> {
    let name = name_of(application, target);
    let found = section.get(&name).map(String::as_str);
    found.ok_or_else(|| {
        let message = format!(
            "{kind} `{name}` is not in the wiring of this unit ({WIRING_VARIABLE}): deploy the unit \
             again, and see in `ifc check` whether it may use the {kind}"
        );
        Error::new(ErrorKind::NotReady, message)
    })
}

/// How `application` names `target`.
pub(crate) fn name_of(application: &Application, target: Target<'_>) -> String {
    application.name_of(&Address::new(target.package, target.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wiring() -> Wiring {
        Wiring::new("eu-west-1", "123456789012", "shop-dev-")
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(Wiring::parse(&wiring().to_json()), Ok(wiring()));
        let mut wiring = wiring();
        wiring.dead_letters = Some("shop-dev-mail-dlq-a1b2c3".to_owned());
        for (name, physical) in [
            ("mail", "shop-dev-mail-a1b2c3"),
            ("order-lines", "shop-dev-order-lines-a1b2c3.fifo"),
            ("lib/mail", "shop-dev-lib-mail-a1b2c3"),
            ("pinned", "a=b"),
            ("other", "shop-dev-mail-d4e5f6"),
        ] {
            let sections = [&mut wiring.queues, &mut wiring.tables, &mut wiring.calls];
            for section in sections {
                section.insert(name.to_owned(), physical.to_owned());
            }
        }
        let text = wiring.to_json();
        let table = "\"tables\":[\"lib/mail=shop-dev-lib-mail-a1b2c3\",\"shop-dev-mail-a1b2c3\",\
                     \"shop-dev-order-lines-a1b2c3.fifo\",\"other=shop-dev-mail-d4e5f6\",\
                     \"pinned=a=b\"]";
        assert!(text.contains(table), "{text}");
        assert_eq!(Wiring::parse(&text), Ok(wiring));
    }

    #[test]
    fn names_that_are_not_known_yet_stand_between_the_pieces() {
        let mut wiring: Wiring<u32> = Wiring::new("eu-west-1", "123456789012", "shop-dev-");
        wiring.queues.insert("mail".to_owned(), 7);
        wiring.queues.insert("post".to_owned(), 8);
        let text = |text: &str| Piece::Text(text.to_owned());
        let expected = [
            text(
                "{\"version\":1,\"region\":\"eu-west-1\",\"account\":\"123456789012\",\
                 \"prefix\":\"shop-dev-\",\"queues\":[\"",
            ),
            Piece::Name(7),
            text("\",\"post="),
            Piece::Name(8),
            text("\"]}"),
        ];
        assert_eq!(wiring.pieces(|name, _| name == "mail"), expected);
    }

    /// Lambda takes 4 KB of environment; user variables want some of it too.
    #[test]
    fn sixty_resources_fit_into_three_kibibytes() {
        let mut wiring = Wiring::new("ap-southeast-2", "123456789012", "warehouse-prod-");
        for number in 0..60 {
            let name = format!("shipment-notes-{number:02}");
            let physical = format!("warehouse-prod-{name}-a1b2c3");
            let section = match number % 3 {
                0 => &mut wiring.queues,
                1 => &mut wiring.tables,
                _ => &mut wiring.topics,
            };
            section.insert(name, physical);
        }
        let text = wiring.to_json();
        assert!(text.len() <= 3 * 1024, "{} bytes", text.len());
        assert_eq!(Wiring::parse(&text), Ok(wiring));
    }

    #[test]
    fn arns_are_computed() {
        for (region, expected) in [
            ("eu-west-1", "arn:aws:sns:eu-west-1:123456789012:news"),
            ("cn-north-1", "arn:aws-cn:sns:cn-north-1:123456789012:news"),
            (
                "us-gov-west-1",
                "arn:aws-us-gov:sns:us-gov-west-1:123456789012:news",
            ),
        ] {
            let wiring: Wiring = Wiring::new(region, "123456789012", "p-");
            assert_eq!(wiring.arn("sns", "news"), expected);
        }
    }

    #[test]
    fn what_cannot_be_used_names_the_place() {
        let whole = |more: &str| {
            format!(r#"{{"version":1,"region":"x","account":"1","prefix":"a-"{more}}}"#)
        };
        for (text, expected) in [
            (String::new(), "no JSON object"),
            ("[]".to_owned(), "no JSON object"),
            ("{}".to_owned(), "`version` is missing"),
            (
                r#"{"version":2,"region":"x"}"#.to_owned(),
                "it has version 2, and this program reads version 1",
            ),
            (r#"{"version":1}"#.to_owned(), "`region` is missing"),
            (
                r#"{"version":1,"region":""}"#.to_owned(),
                "`region` is no text",
            ),
            (
                r#"{"version":1,"region":"x"}"#.to_owned(),
                "`account` is missing",
            ),
            (whole(r#","lakes":[]"#), "`lakes` is not known"),
            (whole(r#","queues":{}"#), "`queues` is no list"),
            (whole(r#","queues":[1]"#), "`1` in `queues` is no text"),
            (
                whole(r#","queues":["b-mail-c"]"#),
                "`b-mail-c` in `queues` tells no resource's name",
            ),
            (
                whole(r#","queues":["a-mail"]"#),
                "`a-mail` in `queues` tells no resource's name",
            ),
            (
                whole(r#","queues":["a-mail-1","mail=x"]"#),
                "`mail` is in `queues` twice",
            ),
        ] {
            let error = Wiring::parse(&text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(error.contains(WIRING_VARIABLE), "{error}");
        }
    }
}
