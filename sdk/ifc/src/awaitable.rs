//! Operations under construction that are performed when they are awaited.

use ifc_manifest::Verb;
use ifc_runtime::{Error, Target};

/// Implements `IntoFuture` by a method `run` that borrows nothing.
macro_rules! awaitable {
    ([$($generics:tt)*] $ty:ty => $output:ty, $verb:expr) => {
        impl<$($generics)*> IntoFuture for $ty {
            type Output = Result<$output, ifc_runtime::Error>;
            type IntoFuture = ifc_runtime::BoxFuture<'static, Self::Output>;

            fn into_future(self) -> Self::IntoFuture {
                Box::pin(async move {
                    let target = self.grant.target();
                    let result = self.run(target).await;
                    result.map_err(|error| $crate::awaitable::named(error, target, $verb))
                })
            }
        }
    };
}

pub(crate) use awaitable;

/// The error with the operation in it, unless it names one already.
pub(crate) fn named(error: Error, target: Target<'_>, verb: Verb) -> Error {
    match error.resource() {
        Some(_) => error,
        None => error.on(target, verb),
    }
}
