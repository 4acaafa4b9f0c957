//! The engine: makes a stage equal to a blueprint, and survives being killed at any moment.
//!
//! It names no kind and no cloud, starts no tasks, reads no clock and prints nothing. Providers,
//! state stores, time and randomness come in through traits and values, so that a single thread
//! with a virtual clock can drive every interleaving.
//!
//! # The way through it
//!
//! 1. A provider's deploy half lowers an application to [`Part`]s; [`Blueprint::new`] checks them.
//! 2. [`Session::plan`] reads the state from a [`StateStore`] and every part from the [`Provider`],
//!    and lets the pure function [`plan()`] decide. Nothing is written, no lock is taken.
//! 3. [`Session::apply`] takes the lock, accounts for whatever an interrupted command left, checks
//!    that the plan still fits, writes the whole plan into the journal, and carries it out. The
//!    summary says what became of every step.
//!
//! Destroying is planning for [`Session::nothing`]. No command is needed after a crash: the next one
//! finds in the state which parts are unsettled, and at their computed names what became of them.
//! When the state itself is lost, the provider is asked what carries the stage's tags.
//!
//! # Example
//!
//! ```
//! use ifc_engine::*;
//! use std::collections::BTreeMap;
//! use std::sync::{Arc, Mutex};
//!
//! /// Notes on a board, by name.
//! struct Board(Mutex<BTreeMap<PhysicalName, BTreeMap<String, Value>>>);
//!
//! fn shown(properties: &BTreeMap<String, Value>) -> Actual {
//!     Actual { properties: properties.clone(), outputs: BTreeMap::new() }
//! }
//!
//! #[async_trait]
//! impl Provider for Board {
//!     fn name(&self) -> &str {
//!         "board"
//!     }
//!     async fn read(&self, target: &Target) -> Result<Reading, ProviderError> {
//!         let board = self.0.lock().unwrap();
//!         Ok(match board.get(&target.physical_name) {
//!             Some(note) => Reading::Present { actual: shown(note), owner: Owner::Ours },
//!             None => Reading::Absent,
//!         })
//!     }
//!     async fn create(&self, part: &Desired, _: &str) -> Result<Progress<Actual>, ProviderError> {
//!         let name = part.target.physical_name.clone();
//!         self.0.lock().unwrap().insert(name, part.properties.clone());
//!         Ok(Progress::Done(shown(&part.properties)))
//!     }
//!     async fn update(&self, _: &Actual, to: &Desired) -> Result<Progress<Actual>, ProviderError> {
//!         self.create(to, "").await
//!     }
//!     async fn delete(&self, target: &Target) -> Result<Progress<()>, ProviderError> {
//!         self.0.lock().unwrap().remove(&target.physical_name);
//!         Ok(Progress::Done(()))
//!     }
//! }
//!
//! let board = Board(Mutex::default());
//! let clock = VirtualClock::new(1);
//! let (application, stage): (ApplicationName, StageName) =
//!     ("shop".parse().unwrap(), "dev".parse().unwrap());
//! let note = Part::new("shopping/note".parse().unwrap(), "note", Naming::fixed("shopping"))
//!     .with("text", "milk", ChangeClass::InPlace);
//! let artifact = Fingerprint::of(b"the program");
//! let blueprint =
//!     Blueprint::new(application.clone(), stage.clone(), "board", artifact, [note]).unwrap();
//!
//! let setup = Setup::new(application, stage, 1);
//! let session = Session::new(Arc::new(MemoryStore::new()), Arc::new(clock.clone()), setup);
//! let patience = Patience::default();
//! let stop = StopSignal::new();
//! let options = ApplyOptions {
//!     patience: &patience,
//!     stop: &stop,
//!     observer: &|event| println!("{} {}: {:?}", event.call, event.label, event.phase),
//!     on_wait: &|holder| println!("waiting for {}", holder.person),
//!     presume_dead: &|_| false,
//! };
//! clock.run(async {
//!     let plan = session.plan(&board, &blueprint, &PlanOptions::default()).await.unwrap();
//!     assert_eq!(plan.counts(), BTreeMap::from([("create", 1)]));
//!     let summary = session.apply(&board, &blueprint, &plan, &options).await.unwrap();
//!     assert!(summary.is_complete());
//!     let again = session.plan(&board, &blueprint, &PlanOptions::default()).await.unwrap();
//!     assert!(again.is_empty());
//! });
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod clock;
pub mod model;
pub mod plan;
pub mod provider;
pub mod state;
pub mod store;

mod apply;
mod canonical;
mod digest;
mod error;
mod journal;
mod lock;
mod session;
mod stage_store;
mod step;
mod store_access;
mod wire;

pub use apply::{ApplyEvent, Patience, StepReport, StopSignal, Summary};
pub use async_trait::async_trait;
pub use clock::{Clock, Timestamp, VirtualClock};
pub use digest::Fingerprint;
pub use error::EngineError;
pub use lock::{Holder, PresumeDead};
pub use model::{
    ApplicationName, Blueprint, BlueprintError, ChangeClass, Identity, Naming, OutputRef, Part,
    PartAddress, PartType, PhysicalName, StageName, Value,
};
pub use plan::{Consents, Observations, Plan, PlanOptions, plan};
pub use provider::{
    Actual, Desired, Owner, Progress, Provider, ProviderError, ProviderErrorKind, Reading, Target,
};
pub use session::{
    ApplyOptions, Inspection, Interrupted, PartStatus, Session, Setup, Standing, Unlocked,
};
pub use state::State;
pub use step::{IllegalTransition, Phase, StepEvent, transition};
pub use store::{
    MemoryStore, Object, Precondition, StateStore, StoreError, StoreErrorKind, Version,
};
pub use wire::{WireError, WireFault};

/// The published JSON schema of [`Plan::to_json`].
pub const PLAN_SCHEMA: &str = include_str!("../schema/plan.schema.json");

/// A boxed future that borrows what it was made from.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
