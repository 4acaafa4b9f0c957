//! Operations under construction that are performed when they are awaited.

/// Implements `IntoFuture` by a method `run` that borrows nothing.
macro_rules! awaitable {
    ([$($generics:tt)*] $ty:ty => $output:ty, $verb:expr) => {
        impl<$($generics)*> IntoFuture for $ty {
            type Output = Result<$output, ifc_runtime::Error>;
            type IntoFuture = ifc_runtime::BoxFuture<'static, Self::Output>;

            fn into_future(self) -> Self::IntoFuture {
                Box::pin(async move {
                    let target = self.grant.target();
                    self.run(target).await.map_err(|error| match error.resource() {
                        Some(_) => error,
                        None => error.on(target, $verb),
                    })
                })
            }
        }
    };
}

pub(crate) use awaitable;
