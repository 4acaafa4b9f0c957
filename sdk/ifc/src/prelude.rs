//! What nearly every application file imports: `use ifc::prelude::*;`.

pub use crate::axum::extract::{Form, Json, Path, Query};
pub use crate::axum::http::{HeaderMap, StatusCode};
pub use crate::axum::response::IntoResponse;
pub use crate::{
    Arch, Batch, Bucket, BusEvent, Change, CloudEvent, Config, Cors, Event, EventBus, HandlerError,
    HttpApi, Item, ObjectCreated, ObjectDeleted, Outcome, Pattern, Provide, Queue, Resource,
    Result, Secret, State, Stream, Table, Topic, attribute, consumer, days, delete, function, get,
    hours, minutes, on_change, on_created, on_deleted, on_event, patch, post, put, resource,
    schedule, seconds, stream_consumer, subscriber,
};
pub use serde::{Deserialize, Serialize};
