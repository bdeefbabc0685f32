//! call-status.

fn main() {}
