//! The arguments of a linker driver, as far as they decide what is linked.

use super::LinkError;
use std::path::{Path, PathBuf};

/// One input of a link, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// An object or an archive.
    File(PathBuf),
    /// `-lname`.
    Library {
        /// The name; with a leading colon it is a file name.
        name: String,
        /// Between `-Bstatic` and `-Bdynamic`.
        fixed: bool,
        /// All members are linked, needed or not.
        whole: bool,
    },
    /// An archive of which all members are linked.
    Whole(PathBuf),
}

/// What a link is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// Objects, archives and libraries.
    pub inputs: Vec<Input>,
    /// Where libraries are searched.
    pub search: Vec<PathBuf>,
    /// The file that is made.
    pub output: Option<PathBuf>,
    /// Symbols that are linked whether or not something refers to them.
    pub wanted: Vec<String>,
    /// Functions that the system calls besides the usual ones.
    pub entries: Vec<String>,
}

/// Options of the linker that give symbols another meaning or let a script say what is linked,
/// without their dashes: one and two mean the same.
const REFUSED: [&str; 7] = [
    "defsym",
    "wrap",
    "just-symbols",
    "script",
    "default-script",
    "dT",
    "R",
];

/// Options that name a symbol as undefined, so that it is linked.
const WANTED: [&str; 3] = ["undefined", "require-defined", "u"];

/// Options that name a function which the system calls.
const ENTRIES: [&str; 4] = ["entry", "e", "init", "fini"];

/// Options of the driver whose value is the next argument.
const DRIVER_VALUED: [&str; 11] = [
    "-target",
    "-arch",
    "-z",
    "-m",
    "-x",
    "-include",
    "-isysroot",
    "-soname",
    "-h",
    "-rpath",
    "-dynamic-linker",
];

/// Options of the linker whose value is the next argument when no `=` follows. The value of an
/// option that is missing here is taken for an input, and cannot be read as one: that is noticed.
const LINKER_VALUED: [&str; 19] = [
    "rpath",
    "rpath-link",
    "soname",
    "h",
    "dynamic-linker",
    "I",
    "z",
    "m",
    "Map",
    "plugin",
    "plugin-opt",
    "version-script",
    "dynamic-list",
    "export-dynamic-symbol",
    "dependency-file",
    "Ttext",
    "Tdata",
    "Tbss",
    "mllvm",
];

/// One argument, and whether it was for the linker behind the driver.
struct Word<'a> {
    text: &'a str,
    linker: bool,
}

/// The arguments with `-Wl,a,b` and `-Xlinker a` taken apart.
fn words(arguments: &[String]) -> Vec<Word<'_>> {
    let mut words = Vec::with_capacity(arguments.len());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let for_linker = |text| Word { text, linker: true };
        if let Some(list) = argument.strip_prefix("-Wl,") {
            words.extend(list.split(',').map(for_linker));
        } else if argument == "-Xlinker" {
            words.extend(rest.next().map(|text| for_linker(text)));
        } else {
            words.push(Word {
                text: argument,
                linker: false,
            });
        }
    }
    words
}

/// An option without its dashes, and what stands behind its `=`.
fn option(text: &str) -> Option<(&str, Option<&str>)> {
    let name = text.strip_prefix("--").or_else(|| text.strip_prefix('-'))?;
    Some(match name.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (name, None),
    })
}

impl Arguments {
    /// Reads arguments in which response files (`@file`) are expanded already.
    ///
    /// # Errors
    /// For options that give symbols another meaning.
    pub fn parse(arguments: &[String]) -> Result<Arguments, LinkError> {
        let mut parsed = Arguments::default();
        let (mut fixed, mut whole) = (false, false);
        let words = words(arguments);
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            refuse(word)?;
            let mut value = |joined: &str| match joined {
                "" => rest.next().map_or("", |next| next.text).to_owned(),
                joined => joined.to_owned(),
            };
            let Some((name, joined)) = option(word.text) else {
                let path = PathBuf::from(word.text);
                parsed.inputs.push(match whole {
                    true => Input::Whole(path),
                    false => Input::File(path),
                });
                continue;
            };
            let mut valued = || value(joined.unwrap_or_default());
            match name {
                "Bstatic" | "static" | "dn" | "non_shared" => fixed = true,
                "Bdynamic" | "dy" | "call_shared" => fixed = false,
                "whole-archive" => whole = true,
                "no-whole-archive" => whole = false,
                name if WANTED.contains(&name) => parsed.wanted.push(valued()),
                name if ENTRIES.contains(&name) => parsed.entries.push(valued()),
                name if word.linker && LINKER_VALUED.contains(&name) => {
                    valued();
                }
                _ if !word.linker && DRIVER_VALUED.contains(&word.text) => {
                    valued();
                }
                _ => {
                    let text = word.text;
                    if let Some(name) = text.strip_prefix("-l") {
                        let name = value(name);
                        parsed.inputs.push(Input::Library { name, fixed, whole });
                    } else if let Some(path) = text.strip_prefix("-L") {
                        parsed.search.push(value(path).into());
                    } else if let Some(path) = text.strip_prefix("-o") {
                        parsed.output = Some(value(path).into());
                    } else if let Some(symbol) = text.strip_prefix("-u") {
                        parsed.wanted.push(symbol.to_owned());
                    }
                }
            }
        }
        Ok(parsed)
    }
}

fn refuse(word: &Word<'_>) -> Result<(), LinkError> {
    let refused = match option(word.text) {
        Some((name, _)) => {
            let address = [
                "Ttext",
                "Tdata",
                "Tbss",
                "Trodata-segment",
                "Tldata-segment",
            ];
            let script = name.starts_with('T') && !address.iter().any(|a| name.starts_with(a));
            REFUSED.contains(&name) || script
        }
        // A response file of the linker's own.
        None => word.linker && word.text.starts_with('@'),
    };
    match refused {
        true => Err(LinkError::Option {
            option: word.text.to_owned(),
        }),
        false => Ok(()),
    }
}

/// Replaces `@file` by the arguments in the file, one per line or separated by spaces, quoted and
/// escaped as GNU drivers read them.
///
/// # Errors
/// When a response file cannot be read.
pub(super) fn expand(arguments: &[String], directory: &Path) -> Result<Vec<String>, LinkError> {
    let mut expanded = Vec::with_capacity(arguments.len());
    for argument in arguments {
        match argument.strip_prefix('@') {
            None => expanded.push(argument.clone()),
            Some(file) => {
                let path = directory.join(file);
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| LinkError::Unreadable { path, error })?;
                expanded.extend(split(&text));
            }
        }
    }
    Ok(expanded)
}

fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\\', _) => word.get_or_insert_default().extend(characters.next()),
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Arguments {
        Arguments::parse(&split(text)).unwrap()
    }

    #[test]
    fn inputs_libraries_and_output() {
        let parsed = parse(
            "-m64 a.o -Wl,--as-needed -Wl,-Bstatic libx.rlib -lfoo -Wl,-Bdynamic -lgcc_s -l c \
             -L /lib -L/opt -o out -Wl,--gc-sections -pie -z noexecstack",
        );
        let library = |name: &str, fixed| Input::Library {
            name: name.into(),
            fixed,
            whole: false,
        };
        assert_eq!(
            parsed.inputs,
            [
                Input::File("a.o".into()),
                Input::File("libx.rlib".into()),
                library("foo", true),
                library("gcc_s", false),
                library("c", false),
            ]
        );
        assert_eq!(parsed.search, [PathBuf::from("/lib"), "/opt".into()]);
        assert_eq!(parsed.output, Some("out".into()));
        assert_eq!(
            parse("-Wl,--whole-archive a.a -Wl,--no-whole-archive b.a").inputs,
            [Input::Whole("a.a".into()), Input::File("b.a".into())]
        );
    }

    #[test]
    fn inputs_that_are_handed_to_the_linker_count() {
        let parsed = parse(
            "-Wl,--whole-archive,libx.a,--no-whole-archive -Xlinker y.o -Wl,-rpath,/opt,-lfoo \
             -Wl,-L,/lib -Xlinker -z -Xlinker now",
        );
        assert_eq!(
            parsed.inputs,
            [
                Input::Whole("libx.a".into()),
                Input::File("y.o".into()),
                Input::Library {
                    name: "foo".into(),
                    fixed: false,
                    whole: false,
                },
            ]
        );
        assert_eq!(parsed.search, [PathBuf::from("/lib")]);
    }

    #[test]
    fn symbols_that_the_line_names_are_kept() {
        let parsed = parse("-u one -Wl,--undefined=two -Wl,-e,three -Wl,-init=four -ufive");
        assert_eq!(parsed.wanted, ["one", "two", "five"]);
        assert_eq!(parsed.entries, ["three", "four"]);
        let exporting = parse("-rdynamic -Wl,--export-dynamic-symbol,x,--dynamic-list,y a.o");
        assert_eq!(exporting.inputs, [Input::File("a.o".into())]);
    }

    #[test]
    fn options_that_move_symbols_are_refused() {
        for text in [
            "-Wl,--wrap=malloc",
            "-Wl,--defsym,a=b",
            "-T script",
            "-Xlinker --wrap=x",
            "-Wl,-wrap,x",
            "-Tlink.x",
            "-Wl,-T,link.x",
            "-Wl,@more",
        ] {
            assert!(Arguments::parse(&split(text)).is_err(), "{text}");
        }
        assert!(Arguments::parse(&split("-Wl,--warp a.o -Tbss=1 -Wl,-Ttext=0x1000")).is_ok());
    }

    #[test]
    fn response_files_are_split_like_gnu_drivers_do() {
        assert_eq!(
            split("\"a b.o\"\nc\\ d.o 'e\"f'\n\n\"\""),
            ["a b.o", "c d.o", "e\"f", ""]
        );
    }
}
