//! Operations of a function.

use crate::{BoxFuture, Error, Target, TraceContext};

/// What application code can do with a function of its application.
pub trait FunctionOperations {
    /// Runs `function` with a JSON argument and waits for its JSON reply. At most one reply; the
    /// provider repeats the call only when it surely did not arrive.
    ///
    /// # Errors
    /// `Failed` when the function itself failed, timed out or panicked; its message is the cause's
    /// and is meant for the caller's log.
    fn invoke<'a>(
        &'a self,
        function: Target<'a>,
        argument: Vec<u8>,
        trace: TraceContext,
    ) -> BoxFuture<'a, Result<Vec<u8>, Error>>;

    /// Leaves a JSON argument for `function` in a queue of its own, durably. Returns the event's
    /// id.
    ///
    /// # Errors
    /// When it was not accepted.
    fn invoke_async<'a>(
        &'a self,
        function: Target<'a>,
        argument: Vec<u8>,
        trace: TraceContext,
    ) -> BoxFuture<'a, Result<String, Error>>;
}
