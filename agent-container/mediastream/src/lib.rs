//! mediastream.
