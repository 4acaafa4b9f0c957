//! Config: a typed value resolved at deploy.

use crate::Undeclared;
use crate::declaration::declaration;
use ifc_manifest::Kind;
use ifc_manifest::kind::config::{ConfigKnobs, READ};
use ifc_manifest::name;
use ifc_runtime::{Environment, Error, ErrorKind, Operation, Resource, grant};
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// A configuration value of type `T`: set per stage, or else its default.
///
/// ```
/// # use ifc::prelude::*;
/// #[resource]
/// static PAGE_SIZE: Config<u32> = Config::new("page-size").default_json("20");
///
/// # async fn list() -> Result<()> {
/// let page_size = PAGE_SIZE.get().await?;
/// # let _ = page_size; Ok(()) }
/// ```
pub struct Config<T, R = Undeclared> {
    name: &'static str,
    knobs: ConfigKnobs,
    marker: PhantomData<fn() -> (T, R)>,
}

impl<T, R> Config<T, R> {
    /// A value without a default.
    ///
    /// # Panics
    /// When the name is outside `[a-z][a-z0-9-]{0,31}`; in a static that is a compile error.
    #[track_caller]
    pub const fn new(name: &'static str) -> Self {
        Config {
            name: name::resource(name),
            knobs: ConfigKnobs::DEFAULT,
            marker: PhantomData,
        }
    }

    /// The value when the stage gives none, as JSON text. `ifc check` reports text that is not
    /// JSON.
    pub const fn default_json(mut self, json: &'static str) -> Self {
        self.knobs.default = Some(json);
        self
    }

    /// Lets changes reach running units, within 30 s or more; otherwise the value is fixed at
    /// start.
    pub const fn dynamic(mut self) -> Self {
        self.knobs.dynamic = true;
        self
    }

    declaration!(Kind::Config, knobs);
}

struct ReadOperation;

impl Operation for ReadOperation {
    const VERB: ifc_manifest::Verb = READ;
}

impl<T: DeserializeOwned, R> Config<T, R> {
    /// The value in force.
    ///
    /// # Errors
    /// Of kind `NotReady` when neither stage nor declaration gives one, `Malformed` when it is not
    /// a `T`.
    pub fn get(&self) -> impl Future<Output = Result<T, Error>> + Send + use<T, R>
    where
        R: Resource,
    {
        // Taken before the future, as in `Secret::get`.
        let target = grant::<R, ReadOperation>().target();
        async move {
            let environment = Environment::current().map_err(|error| error.on(target, READ))?;
            let json = environment.provider.read_config(target).await?;
            serde_json::from_str(&json).map_err(|error| {
                let name = std::any::type_name::<T>();
                let message = format!("the value `{json}` is not a `{name}`");
                Error::new(ErrorKind::Malformed, message)
                    .on(target, READ)
                    .caused_by(error)
            })
        }
    }
}
