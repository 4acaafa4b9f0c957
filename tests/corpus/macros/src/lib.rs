//! A procedural macro for the corpus: code that a handler's author does not see.

use proc_macro::TokenStream;

/// `send_to!(QUEUE)` becomes an operation on that queue.
#[proc_macro]
pub fn send_to(input: TokenStream) -> TokenStream {
    let queue = input.to_string();
    format!("{{ {queue}.send(&crate::resources::job(1)).await?; }}")
        .parse()
        .expect("a path in an expression is an expression")
}
