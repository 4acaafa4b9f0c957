//! Which cargo features an application is built with for a provider: the one that brings the
//! provider's half, and of the default ones all but those that bring another's.

use crate::failure::Failure;
use ifc_analyzer::{Features, Project};
use ifc_manifest::ProviderId;
use std::collections::{BTreeMap, BTreeSet};

/// The features that a package declares, each with what it enables.
type Declared = BTreeMap<String, Vec<String>>;

/// The features for `provider`, with those that the user asked for.
pub(super) fn of(
    project: &Project,
    provider: ProviderId,
    asked: &Features,
) -> Result<Features, Failure> {
    let (always, defaults) = project.features_of_sdk();
    let always: BTreeSet<&str> = always.into_iter().collect();
    let always_local = defaults || always.contains(ProviderId::Local.as_str());
    let declared = project.features();
    let feature = match always.contains(provider.as_str()) {
        true => None,
        false => match feature_of(declared, provider) {
            Some(feature) => Some(feature),
            None => return Err(missing(project, provider)),
        },
    };
    if always_local && provider != ProviderId::Local {
        let package = &project.package;
        return Err(Failure::new(format!(
            "package `{package}` always brings the local provider, which has no place on {provider}"
        ))
        .help(ways(declared, provider)));
    }
    let mut enable = asked.enable.clone();
    enable.extend(feature);
    if asked.no_default {
        return Ok(Features {
            enable,
            no_default: true,
        });
    }
    match kept(declared, provider) {
        Ok(None) => Ok(Features {
            enable,
            no_default: false,
        }),
        Ok(Some(kept)) => {
            enable.extend(kept);
            enable.sort();
            enable.dedup();
            Ok(Features {
                enable,
                no_default: true,
            })
        }
        Err(dependency) => Err(Failure::new(format!(
            "the default features of package `{}` bring both `{dependency}` and another provider \
             than {provider}",
            project.package
        ))
        .help(format!(
            "in Cargo.toml, put `{dependency}` into a feature of its own"
        ))),
    }
}

/// What is in the way, said with the lines that mend it.
fn missing(project: &Project, provider: ProviderId) -> Failure {
    Failure::new(format!(
        "package `{}` has no cargo feature that builds it for {provider}",
        project.package
    ))
    .help(ways(project.features(), provider))
}

/// The edit of Cargo.toml by which a package chooses its provider.
fn ways(declared: &Declared, provider: ProviderId) -> String {
    let mut lines = vec!["in Cargo.toml, have a feature for each provider:".to_owned()];
    lines.push("[features]".to_owned());
    if feature_of(declared, ProviderId::Local).is_none() {
        lines.push("default = [\"local\"]".to_owned());
        lines.push("local = [\"ifc/local\"]".to_owned());
    }
    if feature_of(declared, provider).is_none() {
        lines.push(format!("{provider} = [\"ifc/{provider}\"]"));
    }
    lines.push("and depend on `ifc` with `default-features = false` and without features".into());
    lines.join("\n")
}

/// The feature that brings the half of a provider: the one with its name before others.
fn feature_of(declared: &Declared, provider: ProviderId) -> Option<String> {
    let named = declared.keys().filter(|name| *name == provider.as_str());
    // A feature that brings several providers is for something else.
    let only = |name: &&String| {
        ProviderId::ALL.map(|other| brings(declared, name, other))
            == ProviderId::ALL.map(|other| other == provider)
    };
    let features = named.chain(declared.keys()).find(only);
    features.cloned()
}

/// Whether a feature brings the half of a provider, by whatever way.
fn brings(declared: &Declared, feature: &str, provider: ProviderId) -> bool {
    let wanted = [format!("ifc/{provider}"), format!("ifc?/{provider}")];
    let mut seen = BTreeSet::new();
    let mut waiting = vec![feature];
    while let Some(feature) = waiting.pop() {
        if wanted.iter().any(|wanted| wanted == feature) {
            return true;
        }
        if seen.insert(feature) {
            waiting.extend(
                declared
                    .get(feature)
                    .into_iter()
                    .flatten()
                    .map(String::as_str),
            );
        }
    }
    false
}

/// What is left of the default features when those of other providers are taken out, or `None` when
/// nothing has to be. An error names what stands beside them and cannot be asked for by itself.
fn kept(declared: &Declared, provider: ProviderId) -> Result<Option<Vec<String>>, String> {
    let foreign = |feature: &str| {
        let others = ProviderId::ALL
            .into_iter()
            .filter(|other| *other != provider);
        let mut others = others;
        others.any(|other| brings(declared, feature, other))
    };
    if !foreign("default") {
        return Ok(None);
    }
    let mut kept = Vec::new();
    let mut seen = BTreeSet::new();
    let mut waiting = vec!["default"];
    while let Some(feature) = waiting.pop() {
        if !seen.insert(feature) {
            continue;
        }
        match (foreign(feature), declared.get(feature)) {
            (true, Some(members)) => waiting.extend(members.iter().map(String::as_str)),
            (true, None) => {}
            (false, _) if feature.starts_with("dep:") => return Err(feature.to_owned()),
            (false, _) => kept.push(feature.to_owned()),
        }
    }
    kept.sort();
    Ok(Some(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(features: &[(&str, &[&str])]) -> Declared {
        let owned = |(name, members): &(&str, &[&str])| {
            let members = members.iter().map(|member| (*member).to_owned());
            ((*name).to_owned(), members.collect())
        };
        features.iter().map(owned).collect()
    }

    #[test]
    fn the_feature_of_a_provider_is_found_by_what_it_brings() {
        let usual = declared(&[
            ("default", &["local"]),
            ("local", &["ifc/local"]),
            ("aws", &["ifc/aws"]),
        ]);
        assert_eq!(feature_of(&usual, ProviderId::Aws).as_deref(), Some("aws"));
        assert_eq!(feature_of(&usual, ProviderId::Gcp), None);

        let other = declared(&[
            ("aws", &["dep:aws-sdk-s3"]),
            ("everything", &["cloud", "laptop"]),
            ("cloud", &["lambda"]),
            ("lambda", &["ifc/aws"]),
            ("laptop", &["ifc?/local"]),
        ]);
        assert_eq!(
            feature_of(&other, ProviderId::Aws).as_deref(),
            Some("cloud")
        );
        assert_eq!(
            feature_of(&other, ProviderId::Local).as_deref(),
            Some("laptop")
        );
    }

    #[test]
    fn of_the_defaults_only_other_providers_are_left_out() {
        let usual = declared(&[("default", &["local"]), ("local", &["ifc/local"])]);
        assert_eq!(kept(&usual, ProviderId::Aws), Ok(Some(vec![])));
        assert_eq!(kept(&usual, ProviderId::Local), Ok(None));

        let nested = declared(&[
            ("default", &["full", "metrics"]),
            ("full", &["local", "tracing/log", "full"]),
            ("local", &["ifc/local"]),
            ("metrics", &["dep:metrics"]),
        ]);
        let expected = ["metrics", "tracing/log"].map(str::to_owned);
        assert_eq!(kept(&nested, ProviderId::Aws), Ok(Some(expected.to_vec())));

        let mixed = declared(&[
            ("default", &["local", "dep:metrics"]),
            ("local", &["ifc/local"]),
        ]);
        assert_eq!(kept(&mixed, ProviderId::Aws), Err("dep:metrics".to_owned()));
        assert_eq!(kept(&declared(&[]), ProviderId::Aws), Ok(None));
    }

    #[test]
    fn the_help_has_the_lines_that_lack() {
        let text = ways(&declared(&[]), ProviderId::Aws);
        assert!(
            text.contains(
                "\ndefault = [\"local\"]\nlocal = [\"ifc/local\"]\naws = [\"ifc/aws\"]\n"
            )
        );
        let local = declared(&[("local", &["ifc/local"])]);
        let text = ways(&local, ProviderId::Aws);
        assert!(text.contains("[features]\naws = [\"ifc/aws\"]\n"), "{text}");
    }
}
