//! The terminal: colours, what goes where, questions. Facts go to standard output, everything said
//! about them to standard error.

use crate::failure::{Context as _, Failure};
use anstyle::{AnsiColor, Style};
use clap::ColorChoice;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

/// Names of the user's things.
pub(crate) const NAME: Style = Style::new().bold();
/// What is said beside the facts.
pub(crate) const QUIET: Style = Style::new().dimmed();
/// Headings.
pub(crate) const HEADING: Style = AnsiColor::Green.on_default().bold();
/// Errors.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// Warnings.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// Text in a style; [`anstream`] takes the style out where it does not belong.
pub(crate) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Makes the user's choice hold for everything that is printed.
pub(crate) fn choose_color(choice: ColorChoice) {
    match choice {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    }
    .write_global();
}

/// Prints facts. A reader that has seen enough (`| head`) ends the process quietly.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut output = anstream::stdout().lock();
    match output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
    {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        result => result.context(|| "cannot write to standard output".to_owned()),
    }
}

/// Prints a value as JSON, for programs.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(value)
        .context(|| "cannot write the result as JSON".to_owned())?;
    text.push('\n');
    print(&text)
}

/// Says what is going on, as cargo does: a verb in the margin.
pub(crate) fn status(verb: &str, message: &str) {
    anstream::eprintln!("{HEADING}{verb:>12}{HEADING:#} {message}");
}

/// Says something that needs attention and stops nothing.
pub(crate) fn warn(message: &str) {
    anstream::eprintln!("{WARNING}warning{WARNING:#}{NAME}: {message}{NAME:#}");
}

/// Shows why the command failed.
pub(crate) fn show_failure(failure: &Failure) {
    if failure.message.is_empty() {
        return;
    }
    let mut text = format!("{ERROR}error{ERROR:#}{NAME}: {}{NAME:#}\n", failure.message);
    let mut line = |label: &str, content: &str| {
        // The lines after the first stand under the first.
        let content = content.replace('\n', &format!("\n  {:1$}", "", label.len() + 4));
        let _ = writeln!(text, "  {QUIET}={QUIET:#} {NAME}{label}{NAME:#}: {content}");
    };
    for cause in &failure.causes {
        line("cause", cause);
    }
    if let Some(help) = &failure.help {
        line("help", help);
    }
    anstream::eprint!("{text}");
}

/// Whether a person can answer questions.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Whether lines on standard error can be drawn over.
pub(crate) fn is_live() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    io::stderr().is_terminal() && !dumb
}

/// How many characters fit in a line of the terminal.
pub(crate) fn width() -> usize {
    const USUAL: usize = 80;
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 => size.ws_col.into(),
        _ => USUAL,
    }
}

/// Asks a question that is answered with yes or no. Anything but yes is no.
pub(crate) fn confirm(question: &str) -> Result<bool, Failure> {
    anstream::eprint!("{question} [y/N] ");
    let mut answer = String::new();
    io::stdin()
        .read_line(&mut answer)
        .context(|| "cannot read the answer".to_owned())?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Asks for a value that must not be seen.
pub(crate) fn ask_hidden(question: &str) -> Result<String, Failure> {
    rpassword::prompt_password(question).context(|| "cannot read the value".to_owned())
}

/// Lines of cells in columns, two spaces apart. The last cell of a line takes no padding. Cells may
/// be styled.
pub(crate) fn columns(rows: &[Vec<String>]) -> String {
    let width = |cell: &String| {
        anstream::adapter::strip_str(cell)
            .to_string()
            .chars()
            .count()
    };
    let mut widths = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (column, cell) in row.iter().enumerate() {
            widths[column] = widths[column].max(width(cell));
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            line.push_str(cell);
            if column + 1 < row.len() {
                line.push_str(&" ".repeat(widths[column] - width(cell) + 2));
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
