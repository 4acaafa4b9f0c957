//! Patterns, as users write them.

use ifc_manifest::kind::event_bus::{MatchKnobs, PatternKnobs};

/// Which events a rule gets: every test must hold.
///
/// `type`, `source` and `subject` are tested against a list of values or a prefix; a field of the
/// data, which the bus declares as [`filterable`](crate::EventBus::filterable), against a list of
/// values. All lists together have at most 10 values.
///
/// ```
/// # use ifc::prelude::*;
/// const EUROPEAN: Pattern = Pattern::new()
///     .source_prefix("shop")
///     .field("data.region", &["eu", "uk"]);
/// ```
///
/// The type is tested by the handler already: it gets the types that its argument can be. A handler
/// of `CloudEvent<serde_json::Value>` takes any type, and chooses here:
///
/// ```
/// # use ifc::prelude::*;
/// # #[resource]
/// # static SHOP_EVENTS: EventBus = EventBus::new("shop-events");
/// #[on_event(SHOP_EVENTS, pattern = Pattern::new().type_prefix("order."))]
/// async fn audit(event: CloudEvent<serde_json::Value>) -> Result<()> {
///     println!("{} {}", event.event_type, event.data);
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy)]
#[must_use = "a pattern does something as a rule's `pattern = …`"]
pub struct Pattern(PatternKnobs);

macro_rules! tests {
    ($($(#[$doc:meta])* $name:ident($argument:ident: $type:ty) = $attribute:ident $test:ident;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Panics
            /// When the attribute is tested already, or with no, too many, empty or too long values;
            /// in a constant that is a compile error.
            #[track_caller]
            pub const fn $name(self, $argument: $type) -> Pattern {
                Pattern(self.0.$attribute(MatchKnobs::$test($argument)))
            }
        )*
    };
}

impl Pattern {
    /// Every event.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Pattern {
        Pattern(PatternKnobs::ANYTHING)
    }

    tests! {
        /// Events of one of these types.
        types(any_of: &'static [&'static str]) = event_type AnyOf;
        /// Events whose type begins so.
        type_prefix(prefix: &'static str) = event_type Prefix;
        /// Events of one of these sources.
        sources(any_of: &'static [&'static str]) = source AnyOf;
        /// Events whose source begins so.
        source_prefix(prefix: &'static str) = source Prefix;
        /// Events about one of these subjects.
        subjects(any_of: &'static [&'static str]) = subject AnyOf;
        /// Events whose subject begins so. One without a subject does not match.
        subject_prefix(prefix: &'static str) = subject Prefix;
    }

    /// Events whose data has one of these values at `path`, which the bus declares as filterable.
    /// Numbers and booleans are compared as they are written: `"3"`, `"true"`.
    ///
    /// # Panics
    /// When the field is tested already, or with no, too many, empty or too long values; in a
    /// constant that is a compile error.
    #[track_caller]
    pub const fn field(self, path: &'static str, any_of: &'static [&'static str]) -> Pattern {
        Pattern(self.0.field(path, any_of))
    }

    pub(super) const fn knobs(self) -> PatternKnobs {
        self.0
    }
}
