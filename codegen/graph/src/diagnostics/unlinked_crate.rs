//! `unlinked-crate`: a dependency declares resources, and the program does not contain them, because
//! rustc links no crate that no code mentions. The facts come from whoever has the build's output.

use crate::Diagnostic;
use ifc_manifest::{Descriptor, SourceSpan};

const CODE: &str = "unlinked-crate";

/// A crate that was built for the program and is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnlinkedCrate {
    /// Its cargo package.
    pub package: String,
    /// Its name in Rust code, as the application's manifest lists it.
    pub crate_name: String,
    /// Whether it is the library of the application's own package.
    pub own_library: bool,
    /// The dependency that brings it, when the application does not depend on it directly.
    pub brought_by: Option<String>,
    /// What it declares; not empty.
    pub declares: Vec<Descriptor>,
}

/// The finding for one crate. `main` is where `ifc::main!()` stands.
///
/// It is an error when the application lists the crate itself, and a warning when a dependency
/// brings it, because its author may know better.
pub fn finding(unlinked: &UnlinkedCrate, main: Option<&SourceSpan>) -> Diagnostic {
    let UnlinkedCrate {
        package,
        crate_name,
        own_library,
        brought_by,
        declares,
    } = unlinked;
    let whose = match own_library {
        true => format!("the library of package `{package}`"),
        false => format!("package `{package}`"),
    };
    let main_file = main.map_or("src/main.rs", |span| span.file.as_str());
    let message = format!(
        "{whose} declares {}, but the program does not contain it",
        list(declares)
    );
    let (finding, help) = match brought_by {
        None => (
            Diagnostic::error(CODE, message),
            format!("add `use {crate_name} as _;` to `{main_file}`"),
        ),
        Some(package) => (
            Diagnostic::warning(CODE, message),
            format!(
                "if the program needs it, depend on it and add `use {crate_name} as _;` to \
                 `{main_file}`; it comes with package `{package}`"
            ),
        ),
    };
    let mut finding = finding
        .because(format!(
            "no code of the program mentions `{crate_name}`, and rustc leaves out crates that nothing mentions"
        ))
        .help(help);
    if let Some(main) = main {
        finding = finding.at(
            main,
            format!("this program does not mention `{crate_name}`"),
        );
    }
    for descriptor in declares {
        finding = finding.and_at(descriptor.span(), "not in the program");
    }
    finding
}

/// Says that a library could not be looked into.
pub fn not_checked(package: &str, main: Option<&SourceSpan>) -> Diagnostic {
    let finding = Diagnostic::note(
        "unlinked-crate-not-checked",
        format!("cannot tell whether the program contains the declarations of package `{package}`"),
    )
    .because("with link-time optimisation its library holds no object code, only the compiler's intermediate form")
    .help("check a build without `lto`, for instance the default one");
    match main {
        Some(main) => finding.at(main, ""),
        None => finding,
    }
}

fn list(declares: &[Descriptor]) -> String {
    const NAMED_MAX: usize = 4;
    let mut names: Vec<String> = declares
        .iter()
        .map(|descriptor| match descriptor {
            Descriptor::Application(_) => "an application".to_owned(),
            Descriptor::Resource(resource) => {
                format!("{} `{}`", resource.kind, resource.address.name)
            }
            Descriptor::Handler(handler) => format!("handler `{}`", handler.address.name),
        })
        .collect();
    names.sort();
    let left = names.len().saturating_sub(NAMED_MAX);
    names.truncate(NAMED_MAX);
    if left > 0 {
        names.push(format!("{left} more"));
    }
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;
    use ifc_manifest::Kind;

    #[test]
    fn it_names_the_crate_the_resources_and_the_line() {
        let library = Fixture::empty()
            .resource_of("audit-log", Kind::Table, "trail", Fixture::table_config())
            .function_of("audit-log", "prune");
        let unlinked = UnlinkedCrate {
            package: "audit-log".into(),
            crate_name: "audit_log".into(),
            own_library: false,
            brought_by: None,
            declares: library.descriptors.clone(),
        };
        let main = Fixture::new().descriptors[0].span().clone();
        let found = finding(&unlinked, Some(&main));
        assert_eq!(
            found.message,
            "package `audit-log` declares handler `prune` and table `trail`, but the program does not contain it"
        );
        assert_eq!(
            found.help.as_deref(),
            Some("add `use audit_log as _;` to `src/main.rs`")
        );
        assert_eq!(found.secondary.len(), 2);
        assert!(found.is_error());

        let brought = UnlinkedCrate {
            brought_by: Some("platform".into()),
            ..unlinked
        };
        assert!(!finding(&brought, Some(&main)).is_error());
    }
}
