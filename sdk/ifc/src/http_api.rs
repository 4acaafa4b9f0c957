//! HttpApi: routes behind one entry point.

use crate::Undeclared;
use crate::declaration::declaration;
use crate::unit::unit_knobs;
use ifc_manifest::Kind;
use ifc_manifest::kind::http_api::{
    CORS_MAX_AGE, CORS_ORIGINS, CorsKnobs, HttpApiKnobs, SAMPLE_ALL,
};
use ifc_manifest::kind::unit::TIMEOUT_HTTP;
use ifc_manifest::name;
use std::marker::PhantomData;
use std::time::Duration;

/// An HTTP API: one unit that serves all its routes.
///
/// Routes that name no API belong to the application's default one, called `api`, which needs no
/// declaration. Declare one to configure it (`HttpApi::new("api")`) or to have a second.
///
/// Request bodies and replies are at most 4 MiB. A handler that fails without an answer of its own
/// is answered with 500 and the request's id; the log has the cause.
///
/// ```
/// # use ifc::prelude::*;
/// #[resource]
/// static ADMIN: HttpApi = HttpApi::new("admin").timeout(seconds(5));
///
/// #[get("/health", api = ADMIN)]
/// async fn health() -> &'static str {
///     "ok"
/// }
/// ```
pub struct HttpApi<R = Undeclared> {
    name: &'static str,
    knobs: HttpApiKnobs,
    marker: PhantomData<fn() -> R>,
}

impl<R> HttpApi<R> {
    /// An API without CORS, with an access log and a time-out of 20 s.
    ///
    /// # Panics
    /// When the name is outside `[a-z][a-z0-9-]{0,31}`; in a static that is a compile error.
    #[track_caller]
    pub const fn new(name: &'static str) -> Self {
        HttpApi {
            name: name::resource(name),
            knobs: HttpApiKnobs::DEFAULT,
            marker: PhantomData,
        }
    }

    /// Lets browsers call the API from other origins.
    pub const fn cors(mut self, cors: Cors) -> Self {
        self.knobs.cors = Some(cors.0);
        self
    }

    /// Whether requests write a log record. Default on.
    pub const fn access_log(mut self, on: bool) -> Self {
        self.knobs.access_log = on;
        self
    }

    /// The share of requests that write a log record, chosen at random: 0 to 1, in steps of one in
    /// ten thousand. Default 1. The record of a failure's cause does not depend on it.
    ///
    /// # Panics
    /// Outside the range; in a static that is a compile error.
    #[track_caller]
    pub const fn access_log_sample(mut self, share: f64) -> Self {
        assert!(
            share >= 0.0 && share <= 1.0,
            "the sample of an access log must be between 0 and 1"
        );
        self.knobs.access_log_sample = (share * SAMPLE_ALL as f64 + 0.5) as u32;
        self
    }

    unit_knobs!(TIMEOUT_HTTP, knobs.unit);

    declaration!(Kind::HttpApi, knobs);
}

/// Which cross-origin requests browsers may make.
#[derive(Clone, Copy)]
pub struct Cors(CorsKnobs);

impl Cors {
    /// Requests from these origins (`https://shop.example`, or a single `*`), at most 20, with
    /// GET, POST, PUT, PATCH and DELETE and the header `content-type`.
    ///
    /// # Panics
    /// Without an origin or with more than 20; in a static that is a compile error.
    #[track_caller]
    pub const fn origins(origins: &'static [&'static str]) -> Self {
        CORS_ORIGINS.number(origins.len() as u64);
        Cors(CorsKnobs {
            origins,
            methods: &["GET", "POST", "PUT", "PATCH", "DELETE"],
            headers: &["content-type"],
            max_age: Duration::from_secs(600),
            credentials: false,
        })
    }

    /// Only these methods.
    pub const fn methods(mut self, methods: &'static [&'static str]) -> Self {
        self.0.methods = methods;
        self
    }

    /// These request headers.
    pub const fn headers(mut self, headers: &'static [&'static str]) -> Self {
        self.0.headers = headers;
        self
    }

    /// How long browsers may keep the answer, at most 86,400 s. Default 600 s.
    ///
    /// # Panics
    /// Outside the range; in a static that is a compile error.
    #[track_caller]
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        self.0.max_age = CORS_MAX_AGE.duration(max_age);
        self
    }

    /// Lets browsers send cookies and credentials. Not together with the origin `*`.
    ///
    /// # Panics
    /// With the origin `*`, which browsers refuse; in a static that is a compile error.
    #[track_caller]
    pub const fn credentials(mut self) -> Self {
        let mut i = 0;
        while i < self.0.origins.len() {
            assert!(
                !matches!(self.0.origins[i].as_bytes(), b"*"),
                "browsers refuse credentials with the origin *: name the origins"
            );
            i += 1;
        }
        self.0.credentials = true;
        self
    }
}

/// What `api = …` of a route accepts.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not serve routes",
    label = "`api` names a static of type `HttpApi`"
)]
pub trait ServesRoutes {}

impl<R> ServesRoutes for HttpApi<R> {}
