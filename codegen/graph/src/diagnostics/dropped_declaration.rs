//! `dropped-declaration`: it stood in the inputs of the link and is not in the program.

use crate::Diagnostic;

const CODE: &str = "dropped-declaration";

/// A finding for the declaration at `path`.
pub fn finding(path: &str) -> Diagnostic {
    Diagnostic::error(
        CODE,
        format!("the linker dropped the declaration of `{path}`"),
    )
    .because("it stood in the objects that were linked and is not in the program")
    .because("so the program has no place in the source for it")
    .help("use another linker, or leave out options that remove sections")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_the_declaration() {
        let finding = finding("shop::ORDERS");
        assert_eq!(
            finding.message,
            "the linker dropped the declaration of `shop::ORDERS`"
        );
        assert!(finding.is_error());
    }
}
