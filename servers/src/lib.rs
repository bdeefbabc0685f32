//! The real servers, started on free ports.
