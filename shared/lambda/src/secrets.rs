//! Keys from Secrets Manager, remembered for a while.

use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;

use crate::settings::{Settings, SettingsError, error};

/// How long a secret is used before it is read again.
const FRESH: Duration = Duration::from_secs(300);

/// The environment with the secret laid over it.
pub(crate) struct Secrets {
    env: Settings,
    source: Option<(String, Client)>,
    read_at: Option<Instant>,
}

impl Secrets {
    /// Of the environment alone, or with the secret that its `SECRETS_ARN` names.
    pub(crate) fn new(env: Settings, config: &SdkConfig) -> Self {
        let source = env.optional("SECRETS_ARN").map(|arn| (arn.to_owned(), Client::new(config)));
        Self { env, source, read_at: None }
    }

    /// Whether it is time to read again.
    pub(crate) fn is_stale(&self) -> bool {
        self.source.is_some() && self.read_at.is_none_or(|at| at.elapsed() >= FRESH)
    }

    /// Reads the secret. A failure is not repeated before the next period either: what is known serves on.
    pub(crate) async fn read(&mut self) -> Result<Settings, SettingsError> {
        let Some((arn, client)) = &self.source else {
            return Ok(self.env.clone());
        };
        self.read_at = Some(Instant::now());
        let answer = client.get_secret_value().secret_id(arn).send().await;
        let answer = answer.map_err(|why| error("SECRETS_ARN", &format!("cannot be read: {why}")))?;
        let text = answer.secret_string().ok_or_else(|| error("SECRETS_ARN", "the secret is no text"))?;
        self.env.overlaid(text)
    }
}
