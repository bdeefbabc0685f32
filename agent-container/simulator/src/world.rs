//! What all connections share.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::Response;

use crate::behaviour::{Behaviour, FaultKind, Service};
use crate::counters::Ledger;
use crate::refusal::refuse;
use crate::script::Script;
use crate::voice::Voice;

/// Shared by every connection.
pub(crate) struct World {
    pub(crate) script: Script,
    pub(crate) voice: Voice,
    pub(crate) ledger: Ledger,
    services: Mutex<BTreeMap<Service, Behaviour>>,
    next: Mutex<HashMap<Service, VecDeque<Behaviour>>>,
    /// Next line of each caller whose utterances come in requests of their own.
    callers: Mutex<HashMap<(Service, String), usize>>,
}

impl World {
    pub(crate) fn new(script: Script, voice: Voice, services: BTreeMap<Service, Behaviour>) -> Self {
        let services = Service::ALL.map(|service| {
            (service, services.get(&service).cloned().unwrap_or_default().or(&service.usual()))
        });
        Self {
            script,
            voice,
            ledger: Ledger::default(),
            services: Mutex::new(services.into()),
            next: Mutex::default(),
            callers: Mutex::default(),
        }
    }

    /// How each service behaves from now on.
    pub(crate) fn behaviours(&self) -> BTreeMap<Service, Behaviour> {
        lock(&self.services).clone()
    }

    /// Lets a request in: counts it, checks that it has a key, waits the connect delay, applies faults that come
    /// before any answer.
    pub(crate) async fn admit(&self, service: Service, headers: &HeaderMap) -> Result<Behaviour, Response> {
        self.ledger.count(service, |counts| counts.requests += 1);
        let refused = |fault| {
            self.ledger.count(service, |counts| counts.refused += 1);
            refuse(service, fault)
        };
        let Some(key) = key(headers) else { return Err(refused(FaultKind::Unauthorized)) };
        let own = Behaviour::from_key(&key).map_err(|error| {
            tracing::error!(?service, error, "settings in the key");
            refused(FaultKind::Unauthorized)
        })?;
        let next = lock(&self.next).get_mut(&service).and_then(VecDeque::pop_front).unwrap_or_default();
        let standing = lock(&self.services).get(&service).cloned().unwrap_or_default();
        let behaviour = own.or(&next).or(&standing);
        tokio::time::sleep(Duration::from_millis(behaviour.connect_ms())).await;
        match behaviour.fault {
            Some(fault @ (FaultKind::RateLimited | FaultKind::Unauthorized | FaultKind::Unavailable)) => {
                self.ledger.count(service, |counts| counts.faults += 1);
                Err(refused(fault))
            }
            _ => Ok(behaviour),
        }
    }

    /// One utterance of a caller: `hear` gets the line it begins with and gives the words and the line after it.
    pub(crate) fn transcribe(
        &self,
        service: Service,
        caller: &str,
        hear: impl FnOnce(usize) -> (String, usize),
    ) -> String {
        let mut callers = lock(&self.callers);
        let line = callers.entry((service, caller.to_owned())).or_default();
        let (text, next) = hear(*line);
        *line = next;
        text
    }

    /// Behaviour of all connections from now on; absent settings stay.
    pub(crate) fn set(&self, service: Service, behaviour: Behaviour) {
        let mut services = lock(&self.services);
        let standing = services.remove(&service).unwrap_or_default();
        services.insert(service, behaviour.or(&standing));
    }

    /// Behaviour of the next connection only.
    pub(crate) fn set_next(&self, service: Service, behaviour: Behaviour) {
        lock(&self.next).entry(service).or_default().push_back(behaviour);
    }

    /// Forgets what was set for next connections, and where callers are in the script.
    pub(crate) fn forget(&self) {
        lock(&self.next).clear();
        lock(&self.callers).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The key, wherever the vendors' clients put it; never empty.
fn key(headers: &HeaderMap) -> Option<String> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let key = match header("xi-api-key").or(header("x-api-key")).or(header("api-key")) {
        Some(key) => key,
        None => {
            let value = header("authorization")?;
            value.strip_prefix("Bearer ").or(value.strip_prefix("Token ")).unwrap_or(value)
        }
    };
    (!key.is_empty()).then(|| key.to_owned())
}
