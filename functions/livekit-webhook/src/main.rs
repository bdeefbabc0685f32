//! livekit-webhook.

fn main() {}
