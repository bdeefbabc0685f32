//! The spine of `token`.

use std::time::Duration;

use domain::WallTime;
use lambda::{ApiRole, ApiTokens, Function, Parts, Reply, Request, SettingsError};
use livekit::{LiveKitError, Project, token};
use serde_json::json;

use crate::decide::{Asked, Wanted};

/// `POST /token`.
pub(crate) struct Token {
    pub(crate) project: Project,
    pub(crate) api_tokens: ApiTokens,
}

impl Function for Token {
    const DEADLINE: Duration = Duration::from_millis(2000);

    fn build(parts: &Parts) -> Result<Self, SettingsError> {
        Ok(Self { project: parts.settings.livekit()?, api_tokens: parts.settings.api_tokens()? })
    }

    async fn serve(&self, request: &Request, now: WallTime) -> Result<Reply, Reply> {
        request.require_method("POST")?;
        self.api_tokens.authorize(request, ApiRole::Caller)?;
        let wanted = Wanted::of(request.json::<Asked>()?)?;
        self.api_tokens.authorize(request, wanted.needs())?;
        let token = token::join(&self.project, &wanted.join_token()).map_err(unmade)?;
        Ok(Reply::json(
            200,
            &json!({
                "token": token,
                "url": self.project.url,
                "room": wanted.room,
                "identity": wanted.identity,
                "expires_at": now.as_secs() + wanted.ttl.as_secs(),
            }),
        ))
    }

    fn fallback(_: &str) -> Reply {
        Reply::error(500, "internal", "no token was made")
    }
}

fn unmade(error: LiveKitError) -> Reply {
    tracing::error!({ telemetry::field::ERROR } = %error, "no token could be made");
    Reply::error(500, "internal", "no token was made")
}
