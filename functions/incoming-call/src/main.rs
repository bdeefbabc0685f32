//! incoming-call.

fn main() {}
