//! From text to settings, with a finding for everything that is not understood.

use super::{Number, ResourceSettings, Settings, StageSettings, UnitSettings};
use ifc_engine::StageName;
use ifc_graph::{Diagnostic, ResourceId, suggest};
use ifc_manifest::kind::Retention;
use ifc_manifest::{Kind, SourceSpan};
use ifc_state::Location;
use std::ops::Range;
use toml_edit::{Document, Item, TableLike};

/// What the file is.
const SYNTAX: &str = "settings-syntax";
/// A key that means nothing there.
const KEY: &str = "unknown-setting";
/// A value that the key does not take.
const VALUE: &str = "wrong-setting";

/// The kinds that hold data, which a stage may keep more carefully than the code says. Those whose
/// code says whether to retain come first.
const RETAINED: [Kind; 3] = [Kind::Table, Kind::Bucket, Kind::Secret];
const PROTECTED: [Kind; 4] = [Kind::Table, Kind::Bucket, Kind::Secret, Kind::Queue];

/// Reads the text of a file, and says what is wrong with it.
pub(super) fn read(file: &str, text: &str) -> (Settings, Vec<Diagnostic>) {
    let mut reader = Reader {
        file,
        text,
        findings: Vec::new(),
    };
    let mut settings = Settings::default();
    match Document::parse(text) {
        Ok(document) => reader.settings(document.as_table(), &mut settings),
        Err(error) => {
            let place = reader.place(error.span());
            let message = error.message().to_owned();
            reader.find(SYNTAX, &place, message, None);
        }
    }
    (settings, reader.findings)
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    findings: Vec<Diagnostic>,
}

/// A key with its place and what it is set to.
struct Entry<'a> {
    key: &'a str,
    place: SourceSpan,
    item: &'a Item,
}

impl Reader<'_> {
    fn settings(&mut self, table: &dyn TableLike, settings: &mut Settings) {
        let known = ["provider", "state", "region", "account", "stages"];
        for entry in self.entries(table, &known) {
            match entry.key {
                "provider" => settings.provider = self.text(&entry),
                "state" => settings.state = self.location(&entry),
                "region" => settings.place.region = self.text(&entry),
                "account" => settings.place.account = self.account(&entry),
                _ => {
                    for entry in self.tables(&entry) {
                        if let Err(error) = entry.key.parse::<StageName>() {
                            self.find(VALUE, &entry.place, error.to_string(), None);
                        }
                        let stage = self.stage(&entry);
                        settings.stages.insert(entry.key.to_owned(), stage);
                    }
                }
            }
        }
    }

    fn stage(&mut self, stage: &Entry<'_>) -> StageSettings {
        let mut settings = StageSettings::default();
        let mut known = vec![
            "provider", "state", "region", "account", "protect", "unit", "config",
        ];
        known.extend(PROTECTED.map(Kind::as_str));
        for entry in self.below(stage, &known) {
            match entry.key {
                "provider" => settings.provider = self.text(&entry),
                "state" => settings.state = self.location(&entry),
                "region" => settings.place.region = self.text(&entry),
                "account" => settings.place.account = self.account(&entry),
                "protect" => settings.protect = self.bool(&entry).unwrap_or(false),
                "unit" => {
                    for unit in self.tables(&entry) {
                        let read = self.unit(&unit);
                        settings.units.insert(unit.key.to_owned(), read);
                    }
                }
                "config" => {
                    for value in self.tables(&entry) {
                        if let Some(json) = self.json(&value) {
                            let value_and_place = (json, value.place.clone());
                            settings
                                .config
                                .insert(value.key.to_owned(), value_and_place);
                        }
                    }
                }
                kind => {
                    let kind = Kind::parse(kind).expect("only kinds are left of the known keys");
                    for resource in self.tables(&entry) {
                        let id = ResourceId {
                            kind,
                            name: resource.key.to_owned(),
                        };
                        let read = self.resource(&resource, kind);
                        settings.resources.insert(id, read);
                    }
                }
            }
        }
        settings
    }

    fn resource(&mut self, resource: &Entry<'_>, kind: Kind) -> ResourceSettings {
        let mut settings = ResourceSettings {
            place: resource.place.clone(),
            retention: None,
            protect: None,
        };
        let known: &[&str] = match RETAINED.contains(&kind) {
            true => &["retention", "protect"],
            false => &["protect"],
        };
        for entry in self.below(resource, known) {
            match entry.key {
                "retention" => settings.retention = self.retention(&entry),
                _ => settings.protect = self.bool(&entry),
            }
        }
        settings
    }

    fn unit(&mut self, unit: &Entry<'_>) -> UnitSettings {
        let mut settings = UnitSettings {
            place: unit.place.clone(),
            memory_mb: None,
            timeout_seconds: None,
            max_instances: None,
            min_instances: None,
            concurrency: None,
        };
        const KNOWN: [&str; 5] = [
            "memory_mb",
            "timeout_seconds",
            "max_instances",
            "min_instances",
            "concurrency",
        ];
        for entry in self.below(unit, &KNOWN) {
            let number = self.number(&entry);
            match entry.key {
                "memory_mb" => settings.memory_mb = number,
                "timeout_seconds" => settings.timeout_seconds = number,
                "max_instances" => settings.max_instances = number,
                "min_instances" => settings.min_instances = number,
                _ => settings.concurrency = number,
            }
        }
        settings
    }

    /// The keys of a table, but for those that mean nothing: they are found.
    fn entries<'a>(&mut self, table: &'a dyn TableLike, known: &[&str]) -> Vec<Entry<'a>> {
        let mut entries = self.all(table);
        entries.retain(|entry| {
            let is_known = known.contains(&entry.key);
            if !is_known {
                let message = format!("`{}` is no setting", entry.key);
                self.find(
                    KEY,
                    &entry.place,
                    message,
                    suggest::sentence(entry.key, known),
                );
            }
            is_known
        });
        entries
    }

    /// All keys of a table.
    fn all<'a>(&self, table: &'a dyn TableLike) -> Vec<Entry<'a>> {
        let entries = table.iter().map(|(key, item)| Entry {
            key,
            place: self.place(table.key(key).and_then(toml_edit::Key::span)),
            item,
        });
        entries.collect()
    }

    /// As [`entries`](Self::entries), of what must be a table.
    fn below<'a>(&mut self, entry: &Entry<'a>, known: &[&str]) -> Vec<Entry<'a>> {
        match entry.item.as_table_like() {
            Some(table) => self.entries(table, known),
            None => {
                self.wrong(entry, "a table");
                Vec::new()
            }
        }
    }

    /// The entries of a table whose keys are names.
    fn tables<'a>(&mut self, entry: &Entry<'a>) -> Vec<Entry<'a>> {
        match entry.item.as_table_like() {
            Some(table) => self.all(table),
            None => {
                self.wrong(entry, "a table of names");
                Vec::new()
            }
        }
    }

    fn text(&mut self, entry: &Entry<'_>) -> Option<String> {
        let text = entry.item.as_str().map(str::to_owned);
        if text.is_none() {
            self.wrong(entry, "text in quotes");
        }
        text
    }

    fn bool(&mut self, entry: &Entry<'_>) -> Option<bool> {
        let bool = entry.item.as_bool();
        if bool.is_none() {
            self.wrong(entry, "`true` or `false`");
        }
        bool
    }

    fn number(&mut self, entry: &Entry<'_>) -> Option<Number> {
        let number = entry.item.as_integer();
        let Some(value) = number.and_then(|number| u32::try_from(number).ok()) else {
            self.wrong(entry, "a whole number");
            return None;
        };
        Some(Number {
            value,
            place: self.place(entry.item.span()),
        })
    }

    fn retention(&mut self, entry: &Entry<'_>) -> Option<Retention> {
        let known = [Retention::Retain, Retention::Delete];
        let text = entry.item.as_str();
        let retention = known.into_iter().find(|known| Some(known.as_str()) == text);
        if retention.is_none() {
            self.wrong(entry, "`\"retain\"` or `\"delete\"`");
        }
        retention
    }

    /// An account of AWS: a number may begin with zeros, so it is a text.
    fn account(&mut self, entry: &Entry<'_>) -> Option<String> {
        let text = entry.item.as_str();
        let is_number = |text: &str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        let account = text.filter(|text| is_number(text));
        if account.is_none() {
            self.wrong(entry, "a text of 12 digits, the number of an account");
        }
        account.map(str::to_owned)
    }

    fn location(&mut self, entry: &Entry<'_>) -> Option<Location> {
        match self.text(entry)?.parse() {
            Ok(location) => Some(location),
            Err(error) => {
                let place = self.place(entry.item.span());
                self.find(VALUE, &place, format!("{error}"), None);
                None
            }
        }
    }

    fn json(&mut self, entry: &Entry<'_>) -> Option<String> {
        let json = json(entry.item);
        if json.is_none() {
            self.wrong(
                entry,
                "text, a number, a truth value, or a list or table of these",
            );
        }
        json.map(|json| json.to_string())
    }

    /// A value that its key does not take.
    fn wrong(&mut self, entry: &Entry<'_>, takes: &str) {
        let place = match entry.item.span() {
            Some(span) if !span.is_empty() => self.place(Some(span)),
            _ => entry.place.clone(),
        };
        self.find(
            VALUE,
            &place,
            format!("`{}` takes {takes}", entry.key),
            None,
        );
    }

    fn find(
        &mut self,
        code: &'static str,
        place: &SourceSpan,
        message: String,
        help: Option<String>,
    ) {
        let mut finding = Diagnostic::error(code, message).at(place, "");
        finding.help = help;
        self.findings.push(finding);
    }

    /// A range of bytes as a place, at most to the end of its line.
    fn place(&self, span: Option<Range<usize>>) -> SourceSpan {
        let span = span.unwrap_or(0..0);
        let start = span.start.min(self.text.len());
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let within = self.text.get(start..span.end).unwrap_or_default();
        let length = within.lines().next().unwrap_or_default().chars().count();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        SourceSpan {
            file: self.file.to_owned(),
            line: count(before.matches('\n').count() + 1),
            column: count(self.text[line_start..start].chars().count() + 1),
            length: count(length.max(1)),
        }
    }
}

/// What TOML and JSON can both say.
fn json(item: &Item) -> Option<serde_json::Value> {
    use serde_json::Value as Json;
    if let Some(table) = item.as_table_like() {
        let entries = table.iter();
        return entries
            .map(|(key, item)| Some((key.to_owned(), json(item)?)))
            .collect::<Option<serde_json::Map<_, _>>>()
            .map(Json::Object);
    }
    if let Some(array) = item.as_array() {
        let items = array.iter().map(|value| json(&Item::Value(value.clone())));
        return items.collect::<Option<Vec<_>>>().map(Json::Array);
    }
    let text = item.as_str().map(Json::from);
    text.or_else(|| item.as_bool().map(Json::from))
        .or_else(|| item.as_integer().map(Json::from))
        .or_else(|| {
            item.as_float()
                .and_then(|number| serde_json::Number::from_f64(number).map(Json::Number))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> Vec<String> {
        let (_, findings) = read("ifc.toml", text);
        findings
            .iter()
            .map(|finding| {
                let place = &finding.primary.as_ref().unwrap().span;
                let help = finding.help.as_deref().unwrap_or_default();
                format!(
                    "{place}+{} {} {}; {help}",
                    place.length, finding.code, finding.message
                )
            })
            .collect()
    }

    #[test]
    fn everything_that_can_be_said() {
        let text = r#"
provider = "local"
state = "s3://company-state/ifc?region=eu-south-1"
region = "eu-south-1"
account = "012345678901"

[stages.prod]
region = "eu-west-1"
state = "state"
protect = true

[stages.prod.table]
orders = { retention = "retain" }
"audit/trail" = { protect = false }

[stages.prod.unit.api]
memory_mb = 1024
timeout_seconds = 25
max_instances = 5

[stages.prod.config]
limit = 5
greeting = "hello"
rates = [0.5, 1]
"#;
        let (settings, findings) = read("ifc.toml", text);
        assert_eq!(findings, []);
        let prod = settings.stage("prod");
        assert_eq!(prod.provider.as_deref(), Some("local"));
        assert_eq!(prod.state, Some("state".parse().unwrap()));
        assert_eq!(prod.place.region.as_deref(), Some("eu-west-1"));
        assert_eq!(prod.place.account.as_deref(), Some("012345678901"));
        assert!(prod.protect);
        assert_eq!(prod.resources.len(), 2);
        assert_eq!(prod.units["api"].memory_mb.as_ref().unwrap().value, 1024);
        let json = |name: &str| prod.config[name].0.as_str();
        assert_eq!(
            (json("limit"), json("greeting"), json("rates")),
            ("5", r#""hello""#, "[0.5,1]")
        );
        let dev = settings.stage("dev");
        assert_eq!(dev.state, settings.state);
        assert!(!dev.protect && dev.units.is_empty());
    }

    #[test]
    fn what_is_not_understood_is_said_at_its_place() {
        assert_eq!(
            wrong("provide = \"local\"\n"),
            ["ifc.toml:1:1+7 unknown-setting `provide` is no setting; did you mean `provider`?"]
        );
        let text = "\
[stages.Prod]
protct = true
[stages.dev]
protect = 1
account = 123456789012
state = 'ftp://x'
bucket = 3
[stages.dev.queue.mails]
retention = 'retain'
[stages.dev.table.orders]
retention = 'forever'
[stages.dev.unit.api]
memory_mb = -1
memroy = 512
[stages.dev.config]
when = 2026-01-01
";
        insta::assert_snapshot!(wrong(text).join("\n"));
        let broken = wrong("[stages.dev\nprotect = true\n");
        assert!(
            broken[0].starts_with("ifc.toml:1:") && broken[0].contains("settings-syntax"),
            "{broken:?}"
        );
    }
}
