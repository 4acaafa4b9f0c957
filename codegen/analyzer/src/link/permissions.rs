//! What was found, as plain data that travels inside the artifact.

use ifc_manifest::{Address, Kind};
use serde::{Deserialize, Serialize};

/// Version of the embedded form.
pub(super) const VERSION: u32 = 2;

/// What every handler of a program may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permissions {
    /// Version of this form.
    pub version: u32,
    /// The handlers, by package, name and path.
    pub handlers: Vec<HandlerUses>,
    /// What code that runs before any handler can do: it is lent to every unit.
    pub initialisation: Vec<Use>,
    /// What widened the sets, in the user's terms.
    pub notes: Vec<String>,
    /// Every declaration in the inputs of the link, sorted.
    pub declared: Vec<super::Declared>,
}

/// What one handler may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandlerUses {
    /// Package of the handler.
    pub package: String,
    /// Its unit name as declared.
    pub name: String,
    /// Path of the function.
    pub path: String,
    /// What it may do, sorted.
    pub uses: Vec<Use>,
}

/// One grant and the way to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// What is allowed.
    pub grant: GrantUse,
    /// A shortest way from the handler to the operation.
    pub way: Vec<Step>,
}

/// A step on the way to an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Step {
    /// A function or constant, by its symbol, as the compiler names it.
    Symbol(String),
    /// A constant from which several references lead to operations: the methods of a trait object,
    /// a table of functions, a struct of such. Whoever has it can do what any of them does.
    Together {
        /// How many references lead to operations.
        together: usize,
        /// Its symbol, if it has one of its own.
        #[serde(skip_serializing_if = "Option::is_none")]
        symbol: Option<String>,
    },
}

impl Step {
    /// Its symbol, if it has one.
    pub fn symbol(&self) -> Option<&str> {
        match self {
            Step::Symbol(symbol) => Some(symbol),
            Step::Together { symbol, .. } => symbol.as_deref(),
        }
    }
}

/// A verb on a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GrantUse {
    /// Package of the resource.
    pub package: String,
    /// Its declared name.
    pub name: String,
    /// The word of its kind.
    pub kind: String,
    /// The verb.
    pub verb: String,
}

impl GrantUse {
    /// The resource.
    pub fn address(&self) -> Address {
        Address::new(&self.package, &self.name)
    }

    /// The resource's kind, if this version knows it.
    pub fn kind(&self) -> Option<Kind> {
        Kind::parse(&self.kind)
    }
}
