//! The exit codes, all in one place. `ifc help` prints this table.

use std::process::ExitCode;

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what it was asked.
    Success,
    /// It found errors in the application, or could not do what it was asked.
    Failure,
    /// It was asked for something that does not exist: a wrong flag, an unknown name, an
    /// application that cannot be told from others. The parser of arguments exits with this too.
    Usage,
    /// There is something to do, when asked with `--detailed-exit-code`. What is [`Exit::Usage`]
    /// otherwise is [`Exit::Failure`] then, so that a pipeline cannot take the one for the other.
    Changes,
}

/// The flag that makes changes an exit code of their own.
pub(crate) const DETAILED: &str = "--detailed-exit-code";

/// A bug of ours. Rust exits with it after a panic.
const BUG: u8 = 101;

/// The table of `ifc --help`.
pub(crate) const TABLE: &str = "\
Exit codes:
    0  done
    1  errors were found in the application, or the command could not do its work
    2  asked for something that does not exist: a flag, a name, an application;
       with `--detailed-exit-code` instead: done, and there is something to do
  101  a bug in `ifc`\n";

impl Exit {
    /// The number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Usage | Exit::Changes => 2,
        }
    }

    /// The code with `--detailed-exit-code`.
    pub(crate) fn detailed(self) -> Exit {
        match self {
            Exit::Usage => Exit::Failure,
            other => other,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// Says that a panic is our fault, after the usual message with its place.
pub(crate) fn report_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        usual(panic);
        anstream::eprintln!(
            "this is a bug in ifc {}; please report it with the lines above (exit code {BUG})",
            env!("CARGO_PKG_VERSION")
        );
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lists_every_code() {
        for exit in [Exit::Success, Exit::Failure, Exit::Usage, Exit::Changes] {
            assert!(
                TABLE.contains(&format!("    {}  ", exit.code())),
                "{exit:?}"
            );
        }
        assert!(TABLE.contains(&format!("  {BUG}  ")));
    }
}
