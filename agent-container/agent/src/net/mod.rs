//! Sockets: one TLS set-up, one way to open a WebSocket, one HTTP client, no delay anywhere.

pub mod http;
pub mod tls;
pub mod websocket;
