//! livekit.
