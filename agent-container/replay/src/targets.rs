//! Whom a caller may be put through to, by names that tell nothing.

use std::collections::BTreeMap;

use dialogue::{Config, Rescue};

/// Every number of a redacted script.
pub(crate) const NUMBER: &str = "+0";

/// The targets of one configuration.
#[derive(Debug)]
pub(crate) struct Targets {
    /// Names and numbers, in the order of the names.
    known: Vec<(String, String)>,
    rescue: Option<String>,
}

impl Targets {
    /// Those of this configuration.
    pub(crate) fn new(config: &Config) -> Self {
        let rescue = match &config.rescue {
            Rescue::Transfer { to } => Some(to.clone()),
            _ => None,
        };
        Self { known: config.transfer_targets.clone().into_iter().collect(), rescue }
    }

    /// The targets of the script.
    pub(crate) fn made_up(&self) -> BTreeMap<String, &'static str> {
        (0..self.known.len()).map(|at| (name(at), NUMBER)).collect()
    }

    /// Whom a model asked for, by name or number, as it would ask in the script.
    pub(crate) fn asked(&self, to: &str) -> String {
        let known = self.known.iter().position(|(name, number)| name == to || number == to);
        match known {
            _ if to.is_empty() => String::new(),
            Some(at) => name(at),
            None if self.rescue.as_deref() == Some(to) => NUMBER.to_owned(),
            None => "nobody".to_owned(),
        }
    }
}

/// The made-up name of the target at this place; names keep their order.
fn name(at: usize) -> String {
    format!("target{at:03}")
}
