//! Compiles the samples of the book, as documentation tests, so that they stay true.
//!
//! Samples that are included from `examples/` are compiled there.

/// The samples of one page.
macro_rules! pages {
    ($($name:ident = $page:literal;)*) => {
        $(
            #[cfg(doctest)]
            #[doc = include_str!(concat!("../../src/", $page))]
            mod $name {}
        )*
    };
}

pages! {
    bucket = "kinds/bucket.md";
    config = "kinds/config.md";
    declaring = "declaring.md";
    event_bus = "kinds/event-bus.md";
    function = "kinds/function.md";
    getting_started = "getting-started.md";
    handlers = "handlers.md";
    http_api = "kinds/http-api.md";
    portability = "portability.md";
    queue = "kinds/queue.md";
    schedule = "kinds/schedule.md";
    secret = "kinds/secret.md";
    stream = "kinds/stream.md";
    table = "kinds/table.md";
    topic = "kinds/topic.md";
}
