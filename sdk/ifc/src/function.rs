//! Function: a handler invoked directly.

use crate::message::check_size;
use crate::unit::unit_knobs;
use ifc_manifest::Verb;
use ifc_manifest::format::Encoder;
use ifc_manifest::kind::function::{INVOKE, INVOKE_ASYNC};
use ifc_manifest::kind::unit::{TIMEOUT_CALL, TIMEOUT_DEFAULT, UnitSpec};
use ifc_manifest::limit::Limit;
use ifc_manifest::size::{QUEUE_BODY, SYNC_BODY};
use ifc_runtime::{
    Environment, Error, ErrorKind, HandlerError, Invocation, Operation, Resource, Target, grant,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Display;

/// The knobs of `#[function]`.
#[derive(Clone, Copy)]
pub struct CallOptions {
    unit: UnitSpec,
}

impl CallOptions {
    /// The defaults.
    pub const NEW: CallOptions = CallOptions {
        unit: UnitSpec::new(TIMEOUT_DEFAULT),
    };

    unit_knobs!(TIMEOUT_CALL, unit);

    /// Writes the unit.
    #[doc(hidden)]
    pub const fn __ifc_encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        self.unit.encode(encoder);
    }
}

/// What a function returns.
#[diagnostic::on_unimplemented(
    message = "a function cannot return `{Self}`",
    label = "return `Result<T>` with a serializable `T`"
)]
pub trait FunctionReply {
    /// What the caller gets.
    type Reply: DeserializeOwned;
    /// The reply as JSON, or the failure.
    fn into_reply(self) -> Result<Vec<u8>, HandlerError>;
}

impl<T: Serialize + DeserializeOwned, E: Display> FunctionReply for Result<T, E> {
    type Reply = T;

    fn into_reply(self) -> Result<Vec<u8>, HandlerError> {
        match self {
            Ok(value) => Ok(serde_json::to_vec(&value)?),
            Err(error) => Err(HandlerError::new(format!("{error:#}"))),
        }
    }
}

/// Decodes a function's argument.
pub fn argument<T: DeserializeOwned>(input: &[u8]) -> Result<T, HandlerError> {
    serde_json::from_slice(input).map_err(|error| {
        let name = std::any::type_name::<T>();
        HandlerError::bad_request(format!("the argument is not a `{name}`: {error}"))
    })
}

struct InvokeOperation;

impl Operation for InvokeOperation {
    const VERB: Verb = INVOKE;
}

struct InvokeAsyncOperation;

impl Operation for InvokeAsyncOperation {
    const VERB: Verb = INVOKE_ASYNC;
}

/// Runs the function `R` and waits for its reply. The grant is taken before the future, as in
/// `Secret::get`.
pub fn invoke<R: Resource, A: Serialize, T: DeserializeOwned>(
    argument: &A,
) -> impl Future<Output = Result<T, Error>> + Send + use<R, A, T> {
    let target = grant::<R, InvokeOperation>().target();
    let body = encode(argument, target, INVOKE, &SYNC_BODY);
    async move {
        let environment = Environment::current().map_err(|error| error.on(target, INVOKE))?;
        let reply = environment
            .provider
            .invoke(target, body?, Invocation::trace())
            .await?;
        serde_json::from_slice(&reply).map_err(|error| {
            let name = std::any::type_name::<T>();
            Error::new(ErrorKind::Malformed, format!("the reply is not a `{name}`"))
                .on(target, INVOKE)
                .caused_by(error)
        })
    }
}

/// Leaves an argument for the function `R`.
pub fn invoke_async<R: Resource, A: Serialize>(
    argument: &A,
) -> impl Future<Output = Result<String, Error>> + Send + use<R, A> {
    let target = grant::<R, InvokeAsyncOperation>().target();
    let body = encode(argument, target, INVOKE_ASYNC, &QUEUE_BODY);
    async move {
        let environment = Environment::current().map_err(|error| error.on(target, INVOKE_ASYNC))?;
        environment
            .provider
            .invoke_async(target, body?, Invocation::trace())
            .await
    }
}

fn encode<A: Serialize>(
    argument: &A,
    target: Target<'_>,
    verb: Verb,
    limit: &'static Limit,
) -> Result<Vec<u8>, Error> {
    let body = serde_json::to_vec(argument).map_err(|error| {
        Error::new(ErrorKind::Invalid, "the argument has no JSON form")
            .on(target, verb)
            .caused_by(error)
    })?;
    check_size(limit, body.len()).map_err(|error| error.on(target, verb))?;
    Ok(body)
}
