//! Infrastructure from code.
