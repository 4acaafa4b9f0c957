//! `ifc build` for AWS: the application as it is uploaded, without uploading it.

use crate::application;
use crate::arguments::{Build as Arguments, Global};
use crate::build::{Build, platform, write};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::{diagnostic, summary::counted};
use crate::terminal::{self, NAME, QUIET, columns, paint};
use ifc_analyzer::Built;
use ifc_aws_deploy::package::{BOOTSTRAP, PLATFORM, Package};
use ifc_graph::Graph;
use serde_json::json;
use std::path::Path;

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<Exit, Failure> {
    let build = Build::for_aws(&application::find(global)?)?;
    let built = build.project.build()?;
    let analysis = ifc_analyzer::analyze(&built)?;
    diagnostic::show(&analysis.diagnostics, &build.project.workspace_root);
    if !analysis.is_valid() {
        return Err(Failure::silent());
    }
    let (package, mut place) = build.pack(&built)?;
    if let Some(out) = &arguments.out {
        write(out, &package.archive)?;
        place = out.clone();
    }
    if let [first, ..] = package.requirements.other_libraries.as_slice() {
        terminal::warn(&format!(
            "the program needs the library `{first}`, which {} may not have",
            PLATFORM.runtime
        ));
    }
    let facts = Facts {
        build: &build,
        built: &built,
        package: &package,
        graph: &analysis.graph,
        archive: &place,
    };
    match arguments.output.json {
        true => terminal::print_json(&facts.json())?,
        false => terminal::print(&facts.text())?,
    }
    Ok(Exit::Success)
}

struct Facts<'a> {
    build: &'a Build,
    built: &'a Built,
    package: &'a Package,
    graph: &'a Graph,
    archive: &'a Path,
}

impl Facts<'_> {
    fn text(&self) -> String {
        let Facts { built, package, .. } = self;
        let libc = match package.requirements.glibc {
            Some((major, minor)) => format!("needs glibc {major}.{minor}"),
            None => "brings its C library".to_owned(),
        };
        let shown = |path: &Path| application::shown(path);
        let rows = [
            ("target", self.build.target().to_owned(), libc),
            (
                "program",
                shown(&built.executable),
                mebibytes(package.program_bytes),
            ),
            (
                "archive",
                shown(self.archive),
                mebibytes(package.archive.len() as u64),
            ),
            ("sha256", package.fingerprint.to_string(), String::new()),
        ];
        let rows: Vec<Vec<String>> = rows
            .into_iter()
            .map(|(label, what, more)| {
                let mut row = vec![format!("  {label}"), what];
                if !more.is_empty() {
                    row.push(paint(QUIET, &more));
                }
                row
            })
            .collect();
        format!(
            "{} for aws ({}), {}\n{}",
            paint(NAME, &self.build.project.package),
            platform(),
            counted(self.graph.units.len(), "unit"),
            columns(&rows)
        )
    }

    fn json(&self) -> serde_json::Value {
        let Facts { built, package, .. } = self;
        let units = self.graph.units.iter().map(|unit| unit.name.as_str());
        let glibc = package.requirements.glibc;
        json!({
            "application": self.build.project.package,
            "provider": "aws",
            "platform": { "runtime": PLATFORM.runtime, "architecture": PLATFORM.architecture },
            "target": self.build.target(),
            "program": {
                "path": built.executable,
                "bytes": package.program_bytes,
                "glibc": glibc.map(|(major, minor)| format!("{major}.{minor}")),
                "other_libraries": package.requirements.other_libraries,
            },
            "archive": {
                "path": self.archive,
                "bytes": package.archive.len(),
                "sha256": package.fingerprint.as_str(),
                "entry": BOOTSTRAP,
            },
            "units": units.collect::<Vec<_>>(),
        })
    }
}

/// A size as people compare them.
fn mebibytes(bytes: u64) -> String {
    format!("{:.2} MiB", bytes as f64 / f64::from(1 << 20))
}
