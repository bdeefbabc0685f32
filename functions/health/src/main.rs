//! `GET /health`: `{"status":"ok","active_calls":n}`; when degraded, it says what.
//!
//! Reads the table only: whether agents live, how many, how many calls there are. No secrets, no LiveKit:
//! an agent that beats is registered there.

mod decide;
mod handler;
#[cfg(test)]
mod tests;

use lambda_http::{run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::logging::start();
    let health = handler::Health::build(&lambda::Parts::from_env().await)?;
    run(service_fn(|request| health.handle(request))).await
}
