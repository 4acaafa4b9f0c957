//! Shared state as a handler's argument.

use crate::event::{FromInvocation, FromSchedule};
use ifc_runtime::axum::extract::FromRequestParts;
use ifc_runtime::axum::http::request::Parts;
use ifc_runtime::state::{self, Provide};
use ifc_runtime::{Delivery, HandlerError};
use std::ops::Deref;
use std::sync::Arc;

/// Shared state of type `T`, made by [`Provide::provide`] on first use.
///
/// An argument of any handler. Only handlers that take it refer to the code that makes it, so
/// state that reads a secret gives that permission to nobody else.
///
/// ```
/// # use ifc::prelude::*;
/// struct Rates(Vec<u64>);
///
/// impl Provide for Rates {
///     async fn provide() -> Result<Self> {
///         Ok(Rates(vec![4, 10, 22]))
///     }
/// }
///
/// #[get("/rates")]
/// async fn rates(rates: State<Rates>) -> Json<Vec<u64>> {
///     Json(rates.0.clone())
/// }
/// ```
pub struct State<T>(Arc<T>);

impl<T> State<T> {
    /// The value, for keeping beyond the handler.
    pub fn into_arc(self) -> Arc<T> {
        self.0
    }
}

impl<T> Clone for State<T> {
    fn clone(&self) -> Self {
        State(Arc::clone(&self.0))
    }
}

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Provide, S: Sync> FromRequestParts<S> for State<T> {
    type Rejection = HandlerError;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, HandlerError> {
        state::get().await.map(State)
    }
}

impl<T: Provide> FromInvocation for State<T> {
    async fn from_invocation() -> Result<Self, HandlerError> {
        state::get().await.map(State)
    }
}

impl<T: Provide> FromSchedule for State<T> {
    async fn from_schedule(_: &Delivery) -> Result<Self, HandlerError> {
        state::get().await.map(State)
    }
}
