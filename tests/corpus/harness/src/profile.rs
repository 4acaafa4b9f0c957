//! The ways in which the corpus is built.
//!
//! Those that differ in the last crate only are made by flags for it, so that dependencies are
//! built three times in all. `IFC_CORPUS=all` asks for every one of
//! them.

/// One way to build.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// For messages.
    pub name: &'static str,
    /// Arguments of cargo.
    pub cargo: &'static [&'static str],
    /// Arguments of rustc, for the program's own crate.
    pub rustc: &'static [&'static str],
    /// Whether a panic unwinds.
    pub unwinds: bool,
    /// Whether the linked program is analysed as well.
    pub image: bool,
}

const FAT: &[&str] = &[
    "--profile=corpus-fat",
    "--config=profile.corpus-fat.inherits='release'",
    "--config=profile.corpus-fat.lto='fat'",
    "--config=profile.corpus-fat.codegen-units=1",
];

const SMALL: &[&str] = &[
    "--profile=corpus-small",
    "--config=profile.corpus-small.inherits='release'",
    "--config=profile.corpus-small.opt-level='z'",
    "--config=profile.corpus-small.codegen-units=1",
    "--config=profile.corpus-small.panic='abort'",
];

const fn profile(
    name: &'static str,
    cargo: &'static [&'static str],
    rustc: &'static [&'static str],
) -> Profile {
    Profile {
        name,
        cargo,
        rustc,
        unwinds: true,
        image: false,
    }
}

/// As `cargo build`.
pub const DEV: Profile = Profile {
    image: true,
    ..profile("dev", &["--profile=dev"], &[])
};

/// As `cargo build --release`.
pub const RELEASE: Profile = Profile {
    image: true,
    ..profile("release", &["--profile=release"], &[])
};

/// Link-time optimisation over everything.
pub const FAT_LTO: Profile = profile("fat LTO", FAT, &[]);

/// Those that are tried only when all are asked for.
pub const MORE: &[Profile] = &[
    profile("thin LTO", FAT, &["-Clto=thin", "-Ccodegen-units=16"]),
    profile("s, fat LTO", FAT, &["-Copt-level=s"]),
    Profile {
        unwinds: false,
        ..profile("z, one unit, abort", SMALL, &[])
    },
    profile("stripped", &["--profile=release"], &["-Cstrip=symbols"]),
    profile("one unit", &["--profile=release"], &["-Ccodegen-units=1"]),
    profile("opt-level 0", &["--profile=release"], &["-Copt-level=0"]),
    profile("opt-level 1", &["--profile=release"], &["-Copt-level=1"]),
    profile(
        "position dependent",
        &["--profile=release"],
        &["-Crelocation-model=static"],
    ),
    profile(
        "no shared libraries",
        &["--profile=release"],
        &["-Ctarget-feature=+crt-static"],
    ),
    profile(
        "v0 names",
        &["--profile=release"],
        &["-Csymbol-mangling-version=v0"],
    ),
    profile(
        "dead code linked",
        &["--profile=release"],
        &["-Clink-dead-code"],
    ),
    profile(
        "identical code folded",
        &["--profile=release"],
        &["-Clink-arg=-Wl,--icf=all"],
    ),
    profile(
        "the usual linker",
        &["--profile=release"],
        &["-Clinker-features=-lld"],
    ),
    profile(
        "coverage",
        &["--profile=release"],
        &["-Cinstrument-coverage"],
    ),
];

/// What is built when nothing else is asked for.
pub const USUAL: &[Profile] = &[DEV, RELEASE, FAT_LTO];

/// The profiles that `IFC_CORPUS` asks for: `all`, or some by their names with semicolons between
/// them; without it the usual ones.
///
/// # Panics
/// When it names one that does not exist.
pub fn wanted() -> Vec<Profile> {
    let every = || USUAL.iter().chain(MORE).copied();
    match std::env::var("IFC_CORPUS") {
        Err(_) => USUAL.to_vec(),
        Ok(all) if all == "all" => every().collect(),
        Ok(names) => names
            .split(';')
            .map(|name| {
                let found = every().find(|profile| profile.name == name);
                found.unwrap_or_else(|| panic!("`{name}` is no profile of the corpus"))
            })
            .collect(),
    }
}
