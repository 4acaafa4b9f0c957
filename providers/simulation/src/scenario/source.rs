//! Scenarios as source code: a test to be pasted among the others.

use super::{CALM, KIND, Move, PLAIN, Release, Run, Scenario, Shape};
use std::fmt::{Debug, Write};

impl Scenario {
    /// A test of this scenario.
    pub fn to_source(&self, name: &str) -> String {
        let mut text = format!("#[test]\nfn {name}() {{\n    holds({}, &[\n", self.seed);
        for step in &self.moves {
            let step = match step {
                Move::Want(slot, shape) => format!("Want({slot}, {})", shape_source(shape)),
                Move::Release(release) => format!("Release({})", release_source(release)),
                Move::Run(run) => format!("Run({})", run_source(run)),
                other => format!("{other:?}"),
            };
            text.push_str(&format!("        {step},\n"));
        }
        text + "    ]);\n}\n"
    }
}

/// The fields that differ from the simplest.
struct Fields {
    name: &'static str,
    rest: &'static str,
    text: String,
}

impl Fields {
    fn field<T: Debug + PartialEq>(mut self, name: &str, value: &T, usual: &T) -> Fields {
        if value != usual {
            self = self.raw(name, &format!("{value:?}"));
        }
        self
    }

    fn raw(mut self, name: &str, value: &str) -> Fields {
        let _ = write!(self.text, "{name}: {value}, ");
        self
    }

    fn finish(self) -> String {
        match self.text.is_empty() {
            true => self.rest.to_owned(),
            false => format!("{} {{ {}..{} }}", self.name, self.text, self.rest),
        }
    }
}

fn fields(name: &'static str, rest: &'static str) -> Fields {
    Fields {
        name,
        rest,
        text: String::new(),
    }
}

fn shape_source(shape: &Shape) -> String {
    fields("Shape", "PLAIN")
        .field("sort", &shape.sort, &PLAIN.sort)
        .field("fixed", &shape.fixed, &PLAIN.fixed)
        .field("kept", &shape.kept, &PLAIN.kept)
        .field("name", &shape.name, &PLAIN.name)
        .field("size", &shape.size, &PLAIN.size)
        .field("key", &shape.key, &PLAIN.key)
        .field("schema", &shape.schema, &PLAIN.schema)
        .field("secret", &shape.secret, &PLAIN.secret)
        .field("uses", &shape.uses, &PLAIN.uses)
        .field("bound", &shape.bound, &PLAIN.bound)
        .field("follows", &shape.follows, &PLAIN.follows)
        .field("after", &shape.after, &PLAIN.after)
        .finish()
}

fn release_source(release: &Release) -> String {
    let usual = Release::default();
    fields("Release", "Release::default()")
        .field("rigid", &release.rigid, &usual.rigid)
        .field("wider", &release.wider, &usual.wider)
        .field("tagged", &release.tagged, &usual.tagged)
        .finish()
}

fn run_source(run: &Run) -> String {
    let mut text = fields("Run", "CALM")
        .field("aim", &run.aim, &CALM.aim)
        .field("consent", &run.consent, &CALM.consent)
        .field("fate", &run.fate, &CALM.fate);
    if run.provider != KIND {
        let faults = &run.provider;
        let faults = fields("ProviderFaults", "KIND")
            .field("network", &faults.network, &KIND.network)
            .field("hangs", &faults.hangs, &KIND.hangs)
            .field("partial", &faults.partial, &KIND.partial)
            .field("denied", &faults.denied, &KIND.denied)
            .field("fails", &faults.fails, &KIND.fails)
            .field("sticks", &faults.sticks, &KIND.sticks)
            .field("lags", &faults.lags, &KIND.lags)
            .finish();
        text = text.raw("provider", &faults);
    }
    text.field("store", &run.store, &CALM.store)
        .field("rival", &run.rival, &CALM.rival)
        .field("sees_death", &run.sees_death, &CALM.sees_death)
        .finish()
}
