//! The HTTP client.

use std::sync::OnceLock;
use std::time::Duration;

use carrier::rest::{Method, Outcome, RestRequest};
use reqwest::redirect::Policy;

/// Longest wait for one answer, unless set otherwise.
const DEADLINE: Duration = Duration::from_millis(3000);

/// First wait before a request is repeated; doubles.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// Attempts at one request. Only a 429 is repeated: it is never processed.
const ATTEMPTS: u32 = 3;

/// Largest answer read, bytes: a call as JSON has about 1500.
const MAX_ANSWER: usize = 64 * 1024;

/// Redirects followed.
const MAX_REDIRECTS: usize = 3;

/// An HTTP client, built on first use: loading the root certificates takes longer than starting up.
#[derive(Debug)]
pub struct CarrierApi {
    client: OnceLock<reqwest::Client>,
    pub(crate) deadline: Duration,
    pub(crate) first_wait: Duration,
}

impl Default for CarrierApi {
    fn default() -> Self {
        Self { client: OnceLock::new(), deadline: DEADLINE, first_wait: FIRST_WAIT }
    }
}

impl CarrierApi {
    /// With another longest wait for one answer.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// With another first wait before a request is repeated; it doubles each time.
    #[must_use]
    pub fn with_first_wait(self, first_wait: Duration) -> Self {
        Self { first_wait, ..self }
    }

    /// Sends one request and reads what the answer means. Silence is `Unknown { status: 0 }`.
    pub async fn send(&self, request: &RestRequest) -> Outcome {
        for attempt in 0..ATTEMPTS {
            let outcome = self.send_once(request).await;
            if outcome != Outcome::RetryLater || attempt + 1 == ATTEMPTS {
                return outcome;
            }
            self.pause(attempt).await;
        }
        Outcome::RetryLater
    }

    async fn send_once(&self, request: &RestRequest) -> Outcome {
        match self.ask(request).await {
            Ok((status, body)) => Outcome::read(status, &body),
            Err(status) => Outcome::Unknown { status },
        }
    }

    /// Status and body of an answer; an error, the status or 0 without one, when it does not come whole or is too long.
    pub(crate) async fn ask(&self, request: &RestRequest) -> Result<(u16, Vec<u8>), u16> {
        let sent = self.request(request).timeout(self.deadline).send().await;
        let mut answer = sent.map_err(|_| 0_u16)?;
        let (status, mut body) = (answer.status().as_u16(), Vec::new());
        loop {
            match answer.chunk().await {
                Ok(Some(bytes)) if body.len() + bytes.len() <= MAX_ANSWER => body.extend_from_slice(&bytes),
                Ok(None) => return Ok((status, body)),
                _ => return Err(status),
            }
        }
    }

    /// Waits before attempt number `attempt + 1`.
    pub(crate) async fn pause(&self, attempt: u32) {
        tokio::time::sleep(self.first_wait * (1 << attempt.min(8))).await;
    }

    pub(crate) fn request(&self, request: &RestRequest) -> reqwest::RequestBuilder {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Delete => reqwest::Method::DELETE,
        };
        let sent = self.client().request(method, &request.url);
        let sent = match &request.authorization {
            Some(proof) => sent.header("authorization", proof),
            None => sent,
        };
        match &request.body {
            Some(body) => sent.header("content-type", "application/x-www-form-urlencoded").body(body.clone()),
            None => sent,
        }
    }

    fn client(&self) -> &reqwest::Client {
        self.client.get_or_init(|| {
            // Whoever was first wins; every one of ours is ring.
            let _ = rustls::crypto::ring::default_provider().install_default();
            // A builder with nothing but a redirect policy cannot fail where the usual one does not.
            reqwest::Client::builder().redirect(redirects()).build().unwrap_or_default()
        })
    }
}

/// Recordings are handed out by redirects. Never from https to http; the client itself leaves our proof out
/// when the host changes.
fn redirects() -> Policy {
    Policy::custom(|attempt| {
        let was_secret = attempt.previous().iter().any(|url| url.scheme() == "https");
        if attempt.previous().len() > MAX_REDIRECTS || (was_secret && attempt.url().scheme() != "https") {
            attempt.stop()
        } else {
            attempt.follow()
        }
    })
}
