//! Wrong declarations get a good message at the user's own token. `TRYBUILD=overwrite` writes the
//! expected messages anew; read the difference before you commit it.

/// All cases in one function: each pass of trybuild checks the SDK in a target directory of its
/// own, and this way it does so once.
#[test]
fn misuse_is_explained() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/*.rs");
}
