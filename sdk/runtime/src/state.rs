//! Shared state of an application, made on first use and kept for the life of its environment.
//!
//! State is found by its type through a trait, not in a registry that `main` fills: only the
//! handlers that take it refer to the code that makes it, so making it widens nobody else's
//! permissions.

use crate::{BoxFuture, Environment, HandlerError};
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// Says how a type of shared state is made.
///
/// ```ignore
/// struct Prices(HashMap<String, u64>);
///
/// impl Provide for Prices {
///     async fn provide() -> Result<Self> {
///         Ok(Prices(load().await?))
///     }
/// }
///
/// #[get("/price/{name}")]
/// async fn price(prices: State<Prices>, Path(name): Path<String>) -> Result<Json<u64>> { /* … */ }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not shared state",
    note = "implement it: `impl ifc::Provide for {Self} {{ async fn provide() -> ifc::Result<Self> {{ … }} }}`"
)]
pub trait Provide: Sized + Send + Sync + 'static {
    /// Makes the value. Runs once per process and per test; a failure is returned to the handler
    /// that asked, and the next one tries again.
    fn provide() -> impl Future<Output = Result<Self, HandlerError>> + Send;
}

type Slot = Arc<OnceCell<Arc<dyn Any + Send + Sync>>>;

/// The state made so far.
#[derive(Default)]
pub struct States {
    slots: Mutex<HashMap<TypeId, Slot>>,
}

impl States {
    /// Forgets all of it, as a process that ends does. Handlers that run keep what they have.
    pub fn forget(&self) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.clear();
    }

    fn slot(&self, id: TypeId) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(id).or_default().clone()
    }
}

/// The state of type `T` in the current environment.
///
/// # Errors
/// When there is no environment, or `T::provide` fails.
pub fn get<T: Provide>() -> BoxFuture<'static, Result<Arc<T>, HandlerError>> {
    Box::pin(async {
        let environment = Environment::current()?;
        let slot = environment.states.slot(TypeId::of::<T>());
        let value = slot
            .get_or_try_init(|| async {
                let value: Arc<dyn Any + Send + Sync> = Arc::new(T::provide().await?);
                Ok::<_, HandlerError>(value)
            })
            .await?
            .clone();
        Ok(value
            .downcast()
            .expect("a slot is only filled with the type it is named after"))
    })
}
