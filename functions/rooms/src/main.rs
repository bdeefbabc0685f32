//! rooms.

fn main() {}
