//! Webhooks as Twilio sends them: a signed form to the public URL, carried to the local front.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use carrier::form::{Form, encode};
use carrier::signature::sign_twilio;
use reqwest::header;

use crate::stack_file::StackFile;

/// Twilio gives a webhook 15 s.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// Sends signed webhooks to a stack.
#[derive(Debug, Clone)]
pub struct Webhooks {
    base_url: String,
    public_base_url: String,
    auth_token: String,
    client: reqwest::Client,
}

/// An answer to a webhook.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body: TwiML, or nothing.
    pub body: String,
    /// From sending to the last byte of the answer.
    pub took: Duration,
}

impl Webhooks {
    /// To the stack that `file` describes.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn to(file: &StackFile) -> Result<Self> {
        // Somebody else may have installed one already; any does.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            base_url: file.base_url.clone(),
            public_base_url: file.public_base_url.clone(),
            auth_token: file.twilio_auth_token.clone(),
            client: reqwest::Client::builder().timeout(ANSWER_LIMIT).build()?,
        })
    }

    /// The public URL of `path`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.public_base_url)
    }

    /// Posts `parameters` to the public URL `url`, signed.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn post(&self, url: &str, parameters: &[(&str, String)]) -> Result<Answer> {
        let body = encode(parameters.iter().map(|(name, value)| (*name, value.as_str())));
        let form = Form::parse(body.as_bytes()).context("the webhook's own form is unreadable")?;
        let signature = sign_twilio(&self.auth_token, &signed_url(url), &form);
        self.post_signed(url, body, &signature).await
    }

    /// Posts a body with whatever signature.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn post_signed(&self, url: &str, body: String, signature: &str) -> Result<Answer> {
        let path =
            url.strip_prefix(&self.public_base_url).with_context(|| format!("{url} is not the stack's"))?;
        let started = Instant::now();
        let answer = self
            .client
            .post(format!("{}{path}", self.base_url))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded; charset=UTF-8")
            .header(header::USER_AGENT, "TwilioProxy/1.1")
            .header("X-Twilio-Signature", signature)
            .header("I-Twilio-Idempotency-Token", crate::random::random_hex())
            .body(body)
            .send()
            .await
            .with_context(|| format!("nobody answers {url}"))?;
        let status = answer.status().as_u16();
        let body = answer.text().await?;
        Ok(Answer { status, body, took: started.elapsed() })
    }
}

/// What Twilio signs for a voice webhook: over HTTPS the port is left out.
fn signed_url(url: &str) -> String {
    let Some(rest) = url.strip_prefix("https://") else { return url.to_owned() };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    format!("https://{}{path}", host.split(':').next().unwrap_or(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_signed_over_http_only() {
        assert_eq!(signed_url("https://h:8443/a?b"), "https://h/a?b");
        assert_eq!(signed_url("https://h/a"), "https://h/a");
        assert_eq!(signed_url("http://127.0.0.1:80/a"), "http://127.0.0.1:80/a");
    }
}
