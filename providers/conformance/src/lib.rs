//! The portable contract as a test suite that every provider runs.
