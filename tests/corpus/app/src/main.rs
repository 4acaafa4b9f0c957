//! The corpus: handlers of every shape, each with the exact set of what it may do.
//!
//! `//= orders.put, jobs.send` above a handler's attribute is that set; nothing after `//=` means
//! that the handler may do nothing. `//= if unwinding: …` holds only where a panic unwinds.
//! `//~ wider: jobs.send because <reason>` admits an excess, for one of the reasons that the
//! harness knows. Code here serves no other purpose than its shape.

mod resources;
mod shapes;
#[cfg(test)]
mod trace;

// A shape does what Azure lacks.
ifc::main!(targets = ["aws", "gcp"]);
