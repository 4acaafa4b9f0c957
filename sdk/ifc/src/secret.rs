//! Secret: a value that is never printed.

use crate::Undeclared;
use crate::declaration::declaration;
use ifc_manifest::Kind;
use ifc_manifest::kind::Retention;
use ifc_manifest::kind::secret::{Charset, GENERATED_LENGTH, READ, SecretSpec};
use ifc_manifest::name;
use ifc_runtime::secret::SecretValue;
use ifc_runtime::{Environment, Error, Operation, Resource, grant};
use std::marker::PhantomData;

/// A secret: at most 24 KiB, set out of band with `ifc secret set`, in no manifest, plan, state,
/// log, error or environment variable.
///
/// ```
/// # use ifc::prelude::*;
/// #[resource]
/// static PAYMENT_KEY: Secret = Secret::new("payment-key");
///
/// # async fn pay() -> Result<()> {
/// let key = PAYMENT_KEY.get().await?;
/// let header = format!("Bearer {}", key.expose()?);
/// # let _ = header; Ok(()) }
/// ```
pub struct Secret<R = Undeclared> {
    name: &'static str,
    spec: SecretSpec,
    marker: PhantomData<fn() -> R>,
}

impl<R> Secret<R> {
    /// A secret that is set out of band and retained when its declaration goes away.
    ///
    /// # Panics
    /// When the name is outside `[a-z][a-z0-9-]{0,31}`; in a static that is a compile error.
    #[track_caller]
    pub const fn new(name: &'static str) -> Self {
        Secret {
            name: name::resource(name),
            spec: SecretSpec::DEFAULT,
            marker: PhantomData,
        }
    }

    /// Made once, at random, when there is no value: 8 to 1,024 characters of `charset`.
    ///
    /// # Panics
    /// Outside the range; in a static that is a compile error.
    #[track_caller]
    pub const fn generated(mut self, length: u32, charset: Charset) -> Self {
        self.spec.generated = Some((GENERATED_LENGTH.number(length as u64) as u32, charset));
        self
    }

    /// What becomes of the value when the declaration goes away. Default `Retain`.
    pub const fn retention(mut self, retention: Retention) -> Self {
        self.spec.retention = retention;
        self
    }

    declaration!(Kind::Secret, spec);
}

struct ReadOperation;

impl Operation for ReadOperation {
    const VERB: ifc_manifest::Verb = READ;
}

impl<R> Secret<R> {
    /// The current value. A provider may serve it from memory for at most 300 s.
    ///
    /// # Errors
    /// Of kind `NotReady` when no value has been set; `is_denied`.
    pub fn get(&self) -> impl Future<Output = Result<SecretValue, Error>> + Send + use<R>
    where
        R: Resource,
    {
        // Taken before the future: in a branch that the compiler knows to be dead, a future keeps
        // what its states refer to, and the grant would count.
        let target = grant::<R, ReadOperation>().target();
        async move {
            let environment = Environment::current().map_err(|error| error.on(target, READ))?;
            environment.provider.read_secret(target).await
        }
    }
}
