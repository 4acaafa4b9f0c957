//! What generated code refers to. Not part of the public interface.

pub use crate::bucket::{CreatedSource, DeletedSource};
pub use crate::event::{IntoOutcomes, Outcomes, Receive, run as run_events};
pub use crate::event_bus::{
    BusBody, HandlesEvents, Listenable, OnEventOptions, another_type, from_data, to_data,
};
pub use crate::function::{CallOptions, FunctionReply, argument, invoke, invoke_async};
pub use crate::queue::{Consumable, ConsumerOptions};
pub use crate::schedule::ScheduleOptions;
pub use crate::stream::{StreamConsumerOptions, StreamSource};
pub use crate::table::{ChangeOptions, ChangeSource, TtlAttribute, VersionAttribute};
pub use crate::topic::{Subscribable, SubscriberOptions};
pub use ifc_manifest::format::{Encoder, Header, Record};
pub use ifc_manifest::kind::table::{IndexSchema, ItemSchema, KeySchema};
pub use ifc_runtime::handler::{HandlerEntry, Thunk};
pub use ifc_runtime::{BoxFuture, Delivery, Resource};
/// What reading and writing the data of an event gives.
pub use serde_json::Result as DataResult;

use crate::event::{FromInvocation, FromSchedule};
use crate::http_api::ServesRoutes;
use ifc_runtime::axum::extract::{FromRequestParts, Request};
use ifc_runtime::axum::response::{IntoResponse, Response};
use ifc_runtime::{HandlerError, Outcome};

/// Writes a reference to a resource.
pub const fn encode_address<R: Resource, const N: usize>(key: &str, encoder: &mut Encoder<N>) {
    encoder
        .map_entry(key)
        .text_entry("package", R::PACKAGE)
        .text_entry("name", R::NAME)
        .end();
}

/// Compiles only for handles that serve routes.
pub const fn assert_api<H: ServesRoutes>() {}

/// Extracts an argument that does not need the body.
pub async fn extract_part<T: FromRequestParts<()>>(
    request: &mut Request,
) -> Result<T, T::Rejection> {
    let (mut parts, body) = std::mem::take(request).into_parts();
    let result = T::from_request_parts(&mut parts, &()).await;
    *request = Request::from_parts(parts, body);
    result
}

/// The reply to a request whose arguments could not be extracted.
pub fn rejected(rejection: impl IntoResponse) -> Response {
    rejection.into_response()
}

/// The reply that a route's handler gave.
pub fn respond<T: IntoResponse>(value: T) -> Response {
    value.into_response()
}

/// Makes an argument behind the first one.
pub async fn from_invocation<T: FromInvocation>() -> Result<T, HandlerError> {
    T::from_invocation().await
}

/// Makes an argument of a schedule's handler.
pub async fn from_schedule<T: FromSchedule>(delivery: &Delivery) -> Result<T, HandlerError> {
    T::from_schedule(delivery).await
}

/// What an event handler said.
pub fn into_outcomes<T: IntoOutcomes>(value: T) -> Outcomes {
    value.into_outcomes()
}

/// What a function said.
pub fn into_reply<T: FunctionReply>(value: T) -> Result<Vec<u8>, HandlerError> {
    value.into_reply()
}

/// Runs a schedule's handler for each of its deliveries.
pub async fn run_schedule<F, Fut>(deliveries: Vec<Delivery>, handler: F) -> Vec<Outcome>
where
    F: Fn(Delivery) -> Fut,
    Fut: Future<Output = Result<Outcomes, HandlerError>>,
{
    let mut outcomes = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        outcomes.push(only(handler(delivery).await));
    }
    outcomes
}

/// What a handler said to one delivery.
fn only(result: Result<Outcomes, HandlerError>) -> Outcome {
    match result {
        Ok(Outcomes::All(outcome)) => outcome,
        Ok(Outcomes::Each(mut each)) => each.pop().unwrap_or(Outcome::Ack),
        Err(error) => Outcome::retry(error.chain()),
    }
}

#[cfg(feature = "local")]
pub use crate::test_kit::{Plan as TestPlan, run as run_test};

/// Runs the application. `package` is the cargo package of `ifc::main!()`.
#[cfg(feature = "local")]
pub fn main(package: &str) -> std::process::ExitCode {
    // A workspace may build a program with both providers: then it is what it was started as.
    #[cfg(feature = "aws")]
    if ifc_aws::entry::is_started_by_lambda() {
        return ifc_aws::entry::main(package);
    }
    ifc_local::entry::main(package)
}

#[cfg(all(feature = "aws", not(feature = "local")))]
pub use ifc_aws::entry::main;

/// Stops the build of an application that chose no provider.
#[cfg(not(any(feature = "local", feature = "aws")))]
pub fn main<P: AsRef<str>>(_: P) -> std::process::ExitCode {
    const {
        panic!(
            "this application has no provider: build it with a feature that brings one, `ifc/local` \
             or `ifc/aws`"
        )
    }
}
