//! What the simulator is started with.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Behaviour, Script, Service};

/// Configuration, as JSON file or in code. All of it is optional.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address to listen on.
    pub host: IpAddr,
    /// Port per vendor (`deepgram`, `openai`, …, `control`); free ones otherwise.
    pub ports: BTreeMap<String, u16>,
    /// What callers say and models answer.
    pub script: Script,
    /// A file with the script, instead; relative to the working directory.
    pub script_file: Option<PathBuf>,
    /// Behaviour per service, over the usual one.
    pub services: BTreeMap<Service, Behaviour>,
    /// Speed of the simulated voice, words per minute.
    pub words_per_minute: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: BTreeMap::new(),
            script: Script::default(),
            script_file: None,
            services: BTreeMap::new(),
            words_per_minute: 165,
        }
    }
}
