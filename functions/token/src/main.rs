//! token.

fn main() {}
