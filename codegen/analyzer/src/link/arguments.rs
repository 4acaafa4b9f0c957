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
    /// Code outside may call any symbol of the program.
    pub exports: bool,
}

/// Options that give symbols another meaning, in any of the spellings of linkers.
const REFUSED: [&str; 5] = ["--defsym", "--wrap", "--just-symbols", "-T", "--script"];

/// Options of the driver whose value is the next argument.
const VALUED: [&str; 14] = [
    "-target",
    "-arch",
    "-z",
    "-u",
    "-e",
    "-m",
    "-x",
    "-include",
    "-isysroot",
    "-soname",
    "-h",
    "-rpath",
    "-dynamic-linker",
    "-Xlinker",
];

impl Arguments {
    /// Reads arguments in which response files (`@file`) are expanded already.
    ///
    /// # Errors
    /// For options that give symbols another meaning.
    pub fn parse(arguments: &[String]) -> Result<Arguments, LinkError> {
        let mut parsed = Arguments::default();
        let (mut fixed, mut whole) = (false, false);
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            // `-Wl,a,b` and `-Xlinker a` hand arguments to the linker itself.
            let linker: Vec<&str> = match argument.strip_prefix("-Wl,") {
                Some(list) => list.split(',').collect(),
                None => vec![argument.as_str()],
            };
            for option in &linker {
                refuse(option)?;
                match *option {
                    "-Bstatic" | "-static" | "-dn" | "-non_shared" => fixed = true,
                    "-Bdynamic" | "-dy" | "-call_shared" => fixed = false,
                    "--whole-archive" | "-whole-archive" => whole = true,
                    "--no-whole-archive" | "-no-whole-archive" => whole = false,
                    "-rdynamic" | "--export-dynamic" | "-export-dynamic" | "-E" => {
                        parsed.exports = true;
                    }
                    _ => {}
                }
            }
            if linker.len() > 1 || argument.starts_with("-Wl,") {
                continue;
            }
            if let Some(name) = argument.strip_prefix("-l") {
                let name = match name {
                    "" => rest.next().cloned().unwrap_or_default(),
                    name => name.to_owned(),
                };
                parsed.inputs.push(Input::Library { name, fixed, whole });
            } else if let Some(path) = argument.strip_prefix("-L") {
                let path = match path {
                    "" => rest.next().cloned().unwrap_or_default(),
                    path => path.to_owned(),
                };
                parsed.search.push(path.into());
            } else if let Some(path) = argument.strip_prefix("-o") {
                let path = match path {
                    "" => rest.next().cloned().unwrap_or_default(),
                    path => path.to_owned(),
                };
                parsed.output = Some(path.into());
            } else if VALUED.contains(&argument.as_str()) {
                if let Some(value) = rest.next() {
                    refuse(value)?;
                }
            } else if !argument.starts_with('-') {
                let path = PathBuf::from(argument);
                parsed.inputs.push(match whole {
                    true => Input::Whole(path),
                    false => Input::File(path),
                });
            }
        }
        Ok(parsed)
    }
}

fn refuse(option: &str) -> Result<(), LinkError> {
    let refused = REFUSED.iter().any(|refused| {
        option == *refused
            || option
                .strip_prefix(refused)
                .is_some_and(|rest| rest.starts_with('='))
    });
    match refused {
        true => Err(LinkError::Option {
            option: option.to_owned(),
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
        assert!(!parsed.exports);
        assert!(parse("-rdynamic a.o").exports);
        assert_eq!(
            parse("-Wl,--whole-archive a.a -Wl,--no-whole-archive b.a").inputs,
            [Input::Whole("a.a".into()), Input::File("b.a".into())]
        );
    }

    #[test]
    fn options_that_move_symbols_are_refused() {
        for text in [
            "-Wl,--wrap=malloc",
            "-Wl,--defsym,a=b",
            "-T script",
            "-Xlinker --wrap=x",
        ] {
            assert!(Arguments::parse(&split(text)).is_err(), "{text}");
        }
        assert!(Arguments::parse(&split("-Wl,--warp a.o -Tbss=1")).is_ok());
    }

    #[test]
    fn response_files_are_split_like_gnu_drivers_do() {
        assert_eq!(
            split("\"a b.o\"\nc\\ d.o 'e\"f'\n\n\"\""),
            ["a b.o", "c d.o", "e\"f", ""]
        );
    }
}
