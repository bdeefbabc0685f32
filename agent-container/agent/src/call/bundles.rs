//! Agents' configurations, kept for a short time: calls come in bursts, and a change still shows soon.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::AgentId;
use tokio::time::{Instant, timeout};
use tracing::warn;

use super::records::{Bundle, Records, RecordsError};

/// How long a configuration is taken as it is. Short, because a change takes effect on the next call.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// How long an old configuration still serves while the table does not answer.
const STALE_FOR: Duration = Duration::from_secs(24 * 3600);
/// How long the table may take: the caller is waiting.
const LOAD_WITHIN: Duration = Duration::from_secs(2);
/// Configurations kept at most.
const KEPT: usize = 256;

type Kept = BTreeMap<AgentId, (Instant, Arc<Bundle>)>;

/// The process's agents.
#[derive(Debug)]
pub struct Bundles {
    records: Arc<dyn Records>,
    kept: Mutex<Kept>,
}

impl Bundles {
    /// None are known yet.
    #[must_use]
    pub fn new(records: Arc<dyn Records>) -> Self {
        Self { records, kept: Mutex::default() }
    }

    /// An agent's configuration; nothing when there is no such agent.
    ///
    /// # Errors
    /// The table does not answer and the agent was not seen lately.
    pub async fn load(&self, agent: &AgentId) -> Result<Option<Arc<Bundle>>, RecordsError> {
        if let Some(fresh) = self.kept(agent, FRESH_FOR) {
            return Ok(Some(fresh));
        }
        let loaded = match timeout(LOAD_WITHIN, self.records.bundle(agent)).await {
            Ok(loaded) => loaded,
            Err(_) => Err(RecordsError("no answer in time".to_owned())),
        };
        match loaded {
            Ok(Some(bundle)) => Ok(Some(self.keep(agent, bundle))),
            Ok(None) => Ok(None),
            Err(error) => {
                warn!(%error, agent = %agent, "agent not loaded from the table");
                self.kept(agent, STALE_FOR).map(Some).ok_or(error)
            }
        }
    }

    fn kept(&self, agent: &AgentId, within: Duration) -> Option<Arc<Bundle>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(agent).filter(|(at, _)| at.elapsed() <= within).map(|(_, bundle)| Arc::clone(bundle))
    }

    fn keep(&self, agent: &AgentId, bundle: Bundle) -> Arc<Bundle> {
        let bundle = Arc::new(bundle);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.pop_first();
        }
        kept.insert(agent.clone(), (Instant::now(), Arc::clone(&bundle)));
        bundle
    }
}
