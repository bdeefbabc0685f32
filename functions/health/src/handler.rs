//! The spine of `health`.

use std::time::Duration;

use lambda::{Parts, SettingsError, store_failed};
use lambda_http::http::header;
use lambda_http::{Body, Error, Request, Response};
use store::{Store, StoreError};

use crate::decide::{Known, judge};

/// Longest wait for the table.
const DEADLINE: Duration = Duration::from_millis(1500);

/// `GET /health`.
pub(crate) struct Health {
    store: Store,
    max_calls: u32,
}

impl Health {
    pub(crate) fn build(parts: &Parts) -> Result<Self, SettingsError> {
        let store = parts.store(DEADLINE)?;
        Ok(Self { store, max_calls: parts.settings.max_calls()? })
    }

    pub(crate) async fn handle(&self, request: Request) -> Result<Response<Body>, Error> {
        if request.method() != "GET" {
            let refused = Response::builder().status(405).header(header::ALLOW, "GET");
            return Ok(refused.body(Body::Empty)?);
        }
        let verdict = judge(&self.known().await);
        let reply = Response::builder()
            .status(verdict.status)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CACHE_CONTROL, "no-store");
        Ok(reply.body(Body::Text(verdict.body.to_string()))?)
    }

    async fn known(&self) -> Known {
        let both = async { tokio::join!(self.store.active_calls(), self.store.workers(lambda::now())) };
        let (active_calls, workers) = tokio::time::timeout(DEADLINE, both)
            .await
            .unwrap_or((Err(StoreError::Timeout), Err(StoreError::Timeout)));
        Known { active_calls: told(active_calls), workers: told(workers), max_calls: self.max_calls }
    }
}

fn told<T>(answer: Result<T, StoreError>) -> Option<T> {
    answer.inspect_err(|error| store_failed(None, "the table does not answer", error)).ok()
}
