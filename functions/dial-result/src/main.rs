//! dial-result.

fn main() {}
