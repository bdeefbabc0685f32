//! Sends requests to the carrier's REST API.

use std::sync::OnceLock;
use std::time::Duration;

use carrier::rest::{Method, Outcome, RestRequest};

/// Longest wait for one answer.
const DEADLINE: Duration = Duration::from_millis(3000);

/// First wait after a 429; doubles. Only a 429 is repeated: it is never processed.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// Attempts at one request.
const ATTEMPTS: u32 = 3;

/// Largest answer read, bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// An HTTP client, built on first use.
#[derive(Debug, Default)]
pub(crate) struct CarrierApi(OnceLock<reqwest::Client>);

impl CarrierApi {
    /// Sends one request and reads what the answer means.
    pub(crate) async fn send(&self, request: &RestRequest) -> Outcome {
        for attempt in 0..ATTEMPTS {
            let outcome = self.send_once(request).await;
            if outcome != Outcome::RetryLater {
                return outcome;
            }
            tokio::time::sleep(FIRST_WAIT * (1 << attempt)).await;
        }
        Outcome::RetryLater
    }

    async fn send_once(&self, request: &RestRequest) -> Outcome {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut sent = self.client().request(method, &request.url);
        sent = sent.header("authorization", &request.authorization).timeout(DEADLINE);
        if let Some(body) = &request.body {
            sent = sent.header("content-type", "application/x-www-form-urlencoded").body(body.clone());
        }
        let Ok(answer) = sent.send().await else {
            return Outcome::Unknown { status: 0 };
        };
        let status = answer.status().as_u16();
        match answer.bytes().await {
            Ok(body) if body.len() <= MAX_ANSWER => Outcome::read(status, &body),
            _ => Outcome::Unknown { status },
        }
    }

    fn client(&self) -> &reqwest::Client {
        self.0.get_or_init(|| {
            // Whoever was first wins; every one of ours is ring.
            let _ = rustls::crypto::ring::default_provider().install_default();
            reqwest::Client::new()
        })
    }
}
