//! Whose call it is: the agent's configuration, by the dispatch or by what SIP says of the caller.

use std::sync::Arc;

use dialogue::{Road, Variables};
use domain::{AgentId, EndReason, JobMetadata};
use tokio::sync::oneshot;
use tracing::error;

use super::call::Shared;
use super::identity::{self, Attributes};
use super::reports::wall_now;
use super::setup::CallSetup;

/// The agent of this call, put together.
pub(super) async fn look_up(
    shared: Arc<Shared>,
    metadata: Option<JobMetadata>,
    attributes: oneshot::Receiver<Attributes>,
    road: Road,
) -> Result<CallSetup, EndReason> {
    let (agent, variables): (AgentId, Variables) = match metadata {
        Some(metadata) => (metadata.agent_id.clone(), identity::variables(&metadata, wall_now())),
        None => {
            let attributes = attributes.await.map_err(|_| EndReason::CallerNeverJoined)?;
            identity::of_attributes(shared.records.as_ref(), &attributes, wall_now()).await?
        }
    };
    let bundle = match shared.bundles.load(&agent).await {
        Ok(Some(bundle)) => bundle,
        Ok(None) => {
            error!(%agent, "no such agent");
            return Err(EndReason::BadConfiguration);
        }
        Err(error) => {
            error!(%agent, %error, "agent cannot be loaded");
            return Err(EndReason::AgentAbsent);
        }
    };
    CallSetup::new(&bundle, &shared.endpoints, &variables, road).map_err(|error| {
        error!(%agent, %error, "agent's configuration cannot be used");
        EndReason::BadConfiguration
    })
}
