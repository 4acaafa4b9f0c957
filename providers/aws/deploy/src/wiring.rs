//! The environment of a unit: which it is, and where its resources are. Names that AWS knows only once
//! a part is there are joined in as that part's outputs.

use ifc_aws::WIRING_VARIABLE;
use ifc_aws::wiring::{Piece, Wiring, tells};
use ifc_engine::Value;

/// The variable that says which unit a function is.
pub const UNIT_VARIABLE: &str = "IFC_UNIT";

/// The name of a thing at AWS: what it will be, and what it is until the thing is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameAtAws {
    pub(crate) value: Value,
    pub(crate) first: String,
}

impl NameAtAws {
    /// One that is known beforehand.
    pub(crate) fn known(name: String) -> NameAtAws {
        NameAtAws {
            value: Value::text(&name),
            first: name,
        }
    }
}

/// The variables of a unit.
pub(crate) fn variables(unit: &str, wiring: &Wiring<NameAtAws>) -> Value {
    // Replacements are named alike, up to the digest, which has no dash.
    let tells = |resource: &str, name: &NameAtAws| tells(&wiring.prefix, resource, &name.first);
    let mut pieces: Vec<Value> = Vec::new();
    for piece in wiring.pieces(tells) {
        let piece = match piece {
            Piece::Text(text) => Value::Text(text),
            Piece::Name(name) => name.value,
        };
        match (pieces.last_mut(), piece) {
            (Some(Value::Text(before)), Value::Text(text)) => before.push_str(&text),
            (_, piece) => pieces.push(piece),
        }
    }
    let text = match pieces.len() {
        1 => pieces.remove(0),
        _ => Value::Join(pieces),
    };
    Value::map([(UNIT_VARIABLE, Value::text(unit)), (WIRING_VARIABLE, text)])
}
