//! Who speaks the other end of the wire, and where.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Key;

/// A company whose protocol is spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vendor {
    /// Deepgram: listen v1, Flux, Aura.
    Deepgram,
    /// OpenAI, and every endpoint that speaks its chat completions (Azure, vLLM, Ollama, …).
    OpenAi,
    /// ElevenLabs.
    ElevenLabs,
    /// AssemblyAI streaming v3.
    AssemblyAi,
    /// Anthropic Messages.
    Anthropic,
    /// Groq.
    Groq,
}

impl Vendor {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Deepgram, Self::OpenAi, Self::ElevenLabs, Self::AssemblyAi, Self::Anthropic, Self::Groq];

    /// Lower-case name, as in configuration, metrics and the names of environment variables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deepgram => "deepgram",
            Self::OpenAi => "openai",
            Self::ElevenLabs => "elevenlabs",
            Self::AssemblyAi => "assemblyai",
            Self::Anthropic => "anthropic",
            Self::Groq => "groq",
        }
    }

    /// The vendor's public address, with the path its own SDK takes as base URL.
    pub fn base_url(self) -> &'static str {
        match self {
            Self::Deepgram => "https://api.deepgram.com",
            Self::OpenAi => "https://api.openai.com/v1",
            Self::ElevenLabs => "https://api.elevenlabs.io",
            Self::AssemblyAi => "https://streaming.assemblyai.com",
            Self::Anthropic => "https://api.anthropic.com",
            Self::Groq => "https://api.groq.com",
        }
    }
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Address and key of one vendor.
///
/// `http`/`ws` and `https`/`wss` are interchangeable: the scheme follows what the request needs. A trailing slash
/// does not matter. A query in it (Azure's `api-version`) goes with every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Base URL as the vendor's own SDK takes it.
    pub base_url: String,
    /// The vendor's key.
    pub key: Key,
}

impl Endpoint {
    /// An endpoint at `base_url`.
    pub fn new(base_url: impl Into<String>, key: impl Into<Key>) -> Self {
        Self { base_url: base_url.into(), key: key.into() }
    }

    /// The vendor's public address.
    pub fn public(vendor: Vendor, key: impl Into<Key>) -> Self {
        Self::new(vendor.base_url(), key)
    }

    pub(crate) fn http(&self, path: &str) -> String {
        self.url(path, "http")
    }

    pub(crate) fn ws(&self, path: &str) -> String {
        self.url(path, "ws")
    }

    fn url(&self, path: &str, scheme: &str) -> String {
        let (base, query) = self.base_url.split_once('?').unwrap_or((&self.base_url, ""));
        let base = base.trim_end_matches('/');
        let joint = match query {
            "" => "",
            _ if path.contains('?') => "&",
            _ => "?",
        };
        let (given, rest) = base.split_once("://").unwrap_or(("https", base));
        let secure = if matches!(given, "https" | "wss") { "s" } else { "" };
        format!("{scheme}{secure}://{rest}{path}{joint}{query}")
    }
}
