//! The container without a network: scripted lines, simulated vendors that speak the real protocols.

mod calls;
mod fallback;
mod media_stream;
mod realtime;
mod spans;
mod support;
mod tools;
mod vendors;
