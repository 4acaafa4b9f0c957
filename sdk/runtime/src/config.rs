//! Operations of a configuration value.

use crate::{BoxFuture, Error, Target};

/// What application code can do with a configuration value.
pub trait ConfigOperations {
    /// The value in force, as JSON text: the stage's, or else the declared default.
    ///
    /// # Errors
    /// `NotReady` when there is neither.
    fn read_config<'a>(&'a self, config: Target<'a>) -> BoxFuture<'a, Result<String, Error>>;
}
