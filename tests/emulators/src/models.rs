//! AWS's own models as a judge: a proxy that holds every request, and every reply, against them.

use crate::emulator::{Emulator, Start, get};
use crate::install::installed;
use crate::ministack::{self, MiniStack};
use crate::skipped::Skipped;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::process::Command;

/// The program, which runs where MiniStack is installed: botocore and its models are there.
const FILES: &[(&str, &str)] = &[
    ("mirror.py", include_str!("../models/mirror.py")),
    ("proxy.py", include_str!("../models/proxy.py")),
    ("shape.py", include_str!("../models/shape.py")),
    ("wire.py", include_str!("../models/wire.py")),
];

/// A proxy before an emulator of AWS that knows AWS's published models. It passes everything on
/// unchanged, whatever it finds. Ends when dropped.
///
/// It reads the protocols JSON 1.0 and 1.1, query, REST with JSON and REST with XML. It takes no
/// part in judging whether a call makes sense: only members, types, lengths, ranges, patterns and
/// enumerations. Requests without a signature, and the bodies of error replies, are not judged.
#[derive(Debug)]
pub struct ModelProxy {
    process: Emulator,
}

impl ModelProxy {
    /// Starts one before `emulator`.
    ///
    /// # Errors
    /// [`Skipped`] when Python or the package that brings the models cannot be had.
    ///
    /// # Panics
    /// When it is installed and does not start.
    pub fn before(emulator: &Emulator) -> Result<ModelProxy, Skipped> {
        ModelProxy::start(emulator.port())
    }

    /// Starts MiniStack with one before it, which deployed functions call too.
    ///
    /// # Errors
    /// [`Skipped`] when Python or a package cannot be had.
    ///
    /// # Panics
    /// When something is installed and does not start.
    pub fn with(ministack: MiniStack) -> Result<(Emulator, ModelProxy), Skipped> {
        // Each must know of the other: the proxy comes first, and is told at last.
        let proxy = ModelProxy::start(0)?;
        let emulator = ministack.start_calling(Some(proxy.port()))?;
        get(
            proxy.port(),
            &format!("/_models/before/{}", emulator.port()),
        )
        .unwrap_or_else(|error| panic!("{error}; it wrote:\n{}", proxy.process.log()));
        Ok((emulator, proxy))
    }

    fn start(server: u16) -> Result<ModelProxy, Skipped> {
        let python = installed(ministack::PACKAGE)?.join("python");
        let process = Emulator::start(|port, folder| {
            write_files(folder);
            Start {
                name: "the proxy with AWS's models",
                program: python.clone(),
                arguments: vec![
                    "-B".into(),
                    "proxy.py".into(),
                    port.to_string(),
                    server.to_string(),
                ],
                environment: Vec::new(),
                ready: "/_models",
            }
        });
        Ok(ModelProxy { process })
    }

    /// Whether the proxy's readers understand what botocore writes, for every operation of the
    /// services that we call: one line for each that they do not.
    ///
    /// # Errors
    /// [`Skipped`] when Python or the package that brings the models cannot be had.
    ///
    /// # Panics
    /// When the comparison cannot be run.
    pub fn mirrored() -> Result<String, Skipped> {
        let python = installed(ministack::PACKAGE)?.join("python");
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        write_files(folder.path());
        let output = Command::new(python)
            .args(["-B", "mirror.py"])
            .current_dir(folder.path())
            .output()
            .expect("the installed Python runs");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Where it answers: `http://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> String {
        self.process.endpoint()
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.process.port()
    }

    /// What was wrong with requests so far: ours to mend. Sorted.
    ///
    /// # Panics
    /// When the proxy has ended.
    pub fn deviations(&self) -> Vec<Deviation> {
        self.recorded("request")
    }

    /// What was wrong with replies so far: the emulator's defects. Sorted.
    ///
    /// # Panics
    /// When the proxy has ended.
    pub fn reply_deviations(&self) -> Vec<Deviation> {
        self.recorded("reply")
    }

    /// How often each operation was called so far, by `service.Operation`.
    ///
    /// # Panics
    /// When the proxy has ended.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        let calls = self.recorded("call").into_iter();
        calls
            .map(|call| (format!("{}.{}", call.service, call.operation), call.count))
            .collect()
    }

    fn recorded(&self, side: &str) -> Vec<Deviation> {
        let record = get(self.port(), "/_models").unwrap_or_else(|error| {
            panic!(
                "the proxy with AWS's models does not answer: {error}; it wrote:\n{}",
                self.process.log()
            )
        });
        let lines = record.lines().map(|line| line.splitn(5, '\t'));
        lines
            .filter_map(|mut fields| {
                let mut field = || fields.next().expect("a line has five fields").to_owned();
                (field() == side).then(|| Deviation {
                    service: field(),
                    operation: field(),
                    count: field().parse().expect("a count is a number"),
                    what: field(),
                })
            })
            .collect()
    }
}

fn write_files(folder: &Path) {
    for (name, text) in FILES {
        std::fs::write(folder.join(name), text).expect("a temporary folder takes files");
    }
}

/// What about a call does not agree with the model of its operation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deviation {
    /// As botocore names it: `sqs`, `apigatewayv2`.
    pub service: String,
    /// As the model names it: `CreateQueue`. `?` when it cannot be told.
    pub operation: String,
    /// Where it is, and what: `QueueName: 81 characters, at most 80`.
    pub what: String,
    /// How many times.
    pub count: u64,
}

impl fmt::Display for Deviation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Deviation {
            service,
            operation,
            what,
            count,
        } = self;
        write!(formatter, "{service} {operation}: {what} ({count} times)")
    }
}
