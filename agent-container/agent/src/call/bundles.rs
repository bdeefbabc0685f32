//! Agents' configurations, kept for a short time: calls come in bursts, and a change still shows soon.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// Configurations by agent, with when they were read.
#[derive(Debug, Default)]
struct Shelf(BTreeMap<AgentId, (Instant, Arc<Bundle>)>);

impl Shelf {
    /// One that was read at most `within` ago.
    fn find(&self, agent: &AgentId, within: Duration, now: Instant) -> Option<Arc<Bundle>> {
        let (_, bundle) = self.0.get(agent).filter(|(read, _)| now.duration_since(*read) <= within)?;
        Some(Arc::clone(bundle))
    }

    /// Keeps one that was just read; of too many, the one that was read first goes.
    fn keep(&mut self, agent: &AgentId, bundle: Arc<Bundle>, now: Instant) {
        let first = self.0.iter().min_by_key(|(_, (read, _))| *read).map(|(agent, _)| agent.clone());
        if let Some(first) = first.filter(|_| self.0.len() >= KEPT && !self.0.contains_key(agent)) {
            self.0.remove(&first);
        }
        self.0.insert(agent.clone(), (now, bundle));
    }
}

/// The process's agents.
#[derive(Debug)]
pub struct Bundles {
    records: Arc<dyn Records>,
    shelf: Mutex<Shelf>,
}

impl Bundles {
    /// None are known yet.
    #[must_use]
    pub fn new(records: Arc<dyn Records>) -> Self {
        Self { records, shelf: Mutex::default() }
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
        self.shelf().find(agent, within, Instant::now())
    }

    fn keep(&self, agent: &AgentId, bundle: Bundle) -> Arc<Bundle> {
        let bundle = Arc::new(bundle);
        self.shelf().keep(agent, Arc::clone(&bundle), Instant::now());
        bundle
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use domain::{AgentConfig, Config, Voice};
    use serde_json::json;

    use super::*;

    fn bundle() -> Arc<Bundle> {
        let agent = json!({"id": "desk", "prompt": "x", "greeting": "", "voice": "amy",
            "vendors": {"s2s": [{"vendor": "openai", "model": "m"}]}});
        let voice = json!({"id": "amy", "vendor": "openai", "vendor_voice_id": "v", "model": "m"});
        Arc::new(Bundle {
            agent: AgentConfig::from_json(&agent.to_string()).unwrap(),
            voice: Voice::from_json(&voice.to_string()).unwrap(),
        })
    }

    fn agent(number: usize) -> AgentId {
        AgentId::new(format!("agent-{number}")).unwrap()
    }

    #[test]
    fn a_configuration_is_fresh_for_a_second_and_serves_for_a_day() {
        let (mut shelf, zero) = (Shelf::default(), Instant::now());
        shelf.keep(&agent(1), bundle(), zero);
        let found = |shelf: &Shelf, within, after_ms| {
            shelf.find(&agent(1), within, zero + Duration::from_millis(after_ms)).is_some()
        };
        assert!(found(&shelf, FRESH_FOR, 1000) && !found(&shelf, FRESH_FOR, 1001));
        assert!(found(&shelf, STALE_FOR, 86_400_000) && !found(&shelf, STALE_FOR, 86_400_001));
        shelf.keep(&agent(1), bundle(), zero + FRESH_FOR);
        assert!(found(&shelf, FRESH_FOR, 2000), "read again");
        assert!(shelf.find(&agent(2), STALE_FOR, zero).is_none());
    }

    #[test]
    fn of_too_many_configurations_the_one_read_first_goes() {
        let (mut shelf, zero) = (Shelf::default(), Instant::now());
        let at = |second: usize| zero + Duration::from_secs(second as u64);
        (0..KEPT).for_each(|n| shelf.keep(&agent(n), bundle(), at(n)));
        shelf.keep(&agent(0), bundle(), at(KEPT));
        assert_eq!(shelf.0.len(), KEPT, "one that is there already takes no place");
        shelf.keep(&agent(KEPT), bundle(), at(KEPT + 1));
        assert_eq!(shelf.0.len(), KEPT);
        assert!(shelf.0.contains_key(&agent(0)) && !shelf.0.contains_key(&agent(1)));
    }
}
