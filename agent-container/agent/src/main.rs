//! The always-on container.

fn main() {}
