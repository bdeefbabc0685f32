//! Where agents come from and where facts go: the table, or a test's memory.

use std::pin::Pin;

use domain::{AgentId, E164, NumberConfig, Write};
use store::{Applied, Store};
use thiserror::Error;

use super::reports::wall_now;

/// An agent with its voice.
pub type Bundle = store::AgentBundle;

/// The table did not answer, or refused. The text is for the operator.
#[derive(Debug, Clone, Error)]
#[error("{0}")]
pub struct RecordsError(pub String);

/// A request under way.
pub type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<T, RecordsError>> + Send + 'a>>;

/// The part of the table that calls need.
pub trait Records: std::fmt::Debug + Send + Sync {
    /// An agent with its voice; nothing when there is no such agent.
    fn bundle<'a>(&'a self, agent: &'a AgentId) -> Asked<'a, Option<Bundle>>;
    /// The names of all agents.
    fn agents(&self) -> Asked<'_, Vec<AgentId>>;
    /// A number; nothing when it is not ours.
    fn number<'a>(&'a self, number: &'a E164) -> Asked<'a, Option<NumberConfig>>;
    /// Stores all of it, or nothing.
    fn write(&self, writes: Vec<Write>) -> Asked<'_, ()>;
}

impl Records for Store {
    fn bundle<'a>(&'a self, agent: &'a AgentId) -> Asked<'a, Option<Bundle>> {
        Box::pin(
            async move { self.agent_bundle(agent).await.map_err(|error| RecordsError(error.to_string())) },
        )
    }

    fn agents(&self) -> Asked<'_, Vec<AgentId>> {
        Box::pin(async move {
            let agents = Store::agents(self).await.map_err(|error| RecordsError(error.to_string()))?;
            Ok(agents.into_iter().map(|agent| agent.id).collect())
        })
    }

    fn number<'a>(&'a self, number: &'a E164) -> Asked<'a, Option<NumberConfig>> {
        Box::pin(
            async move { Store::number(self, number).await.map_err(|error| RecordsError(error.to_string())) },
        )
    }

    fn write(&self, writes: Vec<Write>) -> Asked<'_, ()> {
        Box::pin(async move {
            match self.apply(writes, wall_now()).await {
                // A call so long over that it was forgotten needs no report.
                Ok(Applied::Done(_) | Applied::Refused(_)) => Ok(()),
                Err(error) => Err(RecordsError(error.to_string())),
            }
        })
    }
}
