//! Grants: how an operation leaves a trace in the artifact that no optimiser removes.
//!
//! A handle performs an operation with a [`Grant`], whose fields are private and whose only source
//! is [`grant`]. Which resource and which verb the operation is about is read *through* that
//! pointer, and the pointer comes out of a volatile load, so the compiler cannot know it: neither
//! fold the fields nor drop the reference. Whatever code can perform the operation therefore
//! refers, by a relocation in the object file, to the constant that names resource and verb. That
//! is what the analyzer looks for. At run time it costs one `mov`.

use crate::Target;
use ifc_manifest::Verb;
use ifc_manifest::format::{GRANT_MAGIC, Header};
use std::fmt;
use std::marker::PhantomData;

/// Implemented by the tag type that `#[resource]` makes for each static.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a declared resource",
    label = "this value has no identity, so no permission can be derived for it",
    note = "declare it: `#[resource] static NAME: Kind<…> = Kind::new(\"name\");`",
    note = "in a helper, accept any resource: `queue: &Queue<T, impl ifc::Resource>`"
)]
pub trait Resource: 'static {
    /// The type of the static, for example `Queue<Order, ORDERS>`.
    type Handle: 'static;
    /// The declared name.
    const NAME: &'static str;
    /// The cargo package of the declaration.
    const PACKAGE: &'static str;
    /// The descriptor record.
    const RECORD: &'static Header;
    /// The static.
    fn handle() -> &'static Self::Handle;
}

/// A verb as a type, so that a grant can be a constant of a generic type.
pub trait Operation: 'static {
    /// The verb.
    const VERB: Verb;
}

/// Permission for one verb on one resource. See the module.
///
/// The layout is read by the analyzer: magic, version, length and text of the verb, then a pointer
/// to the resource's record, a second one for a future qualifier (index, prefix), and the texts
/// the client works with.
#[repr(C)]
pub struct Grant {
    magic: [u8; 16],
    version: u32,
    verb_length: u32,
    verb: [u8; Verb::BYTES_MAX],
    record: &'static Header,
    qualifier: Option<&'static Header>,
    name: &'static str,
    package: &'static str,
}

impl Grant {
    const fn new<R: Resource, O: Operation>() -> Grant {
        let word = O::VERB.as_str().as_bytes();
        let mut verb = [0; Verb::BYTES_MAX];
        let mut i = 0;
        while i < word.len() {
            verb[i] = word[i];
            i += 1;
        }
        Grant {
            magic: GRANT_MAGIC,
            version: 1,
            verb_length: word.len() as u32,
            verb,
            record: R::RECORD,
            qualifier: None,
            name: R::NAME,
            package: R::PACKAGE,
        }
    }

    /// The resource.
    pub fn target(&self) -> Target<'static> {
        Target {
            package: self.package,
            name: self.name,
        }
    }

    /// The verb's word.
    pub fn verb(&self) -> &str {
        let length = (self.verb_length as usize).min(self.verb.len());
        str::from_utf8(&self.verb[..length]).unwrap_or("?")
    }

    /// The resource's descriptor record.
    pub fn record(&self) -> &'static Header {
        self.record
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.name, self.verb())
    }
}

struct GrantOf<R, O>(PhantomData<(R, O)>);

impl<R: Resource, O: Operation> GrantOf<R, O> {
    const GRANT: &'static Grant = &Grant::new::<R, O>();
    /// A constant in memory that holds the pointer to the grant: what the volatile load reads.
    const POINTER: &'static &'static Grant = &Self::GRANT;
}

/// The only way to get a [`Grant`]. See the module.
#[inline(always)]
#[allow(unsafe_code)]
pub fn grant<R: Resource, O: Operation>() -> &'static Grant {
    // SAFETY: `POINTER` is a reference to a promoted constant: aligned, initialised, never written.
    unsafe { core::ptr::read_volatile(GrantOf::<R, O>::POINTER) }
}
