//! Which LiveKit deployment, and the key to it.

use domain::Secret;

/// A LiveKit deployment: address and API key.
#[derive(Debug, Clone)]
pub struct Project {
    /// `wss://…` (or `ws://…` on one machine), as rooms are joined with.
    pub url: String,
    /// API key: the issuer of every token.
    pub api_key: String,
    /// API secret.
    pub api_secret: Secret<String>,
}
