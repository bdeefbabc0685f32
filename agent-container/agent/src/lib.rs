//! The always-on container.
