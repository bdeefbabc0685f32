//! `POST /token`: a LiveKit token for one room, with the least grants of its role.
//!
//! ```json
//! {"room": "call-CA…", "identity": "alice", "role": "supervisor-listen", "name": "Alice", "ttl_s": 3600}
//! ```
//!
//! `role` is one of `caller`, `agent`, `supervisor-listen`, `supervisor-speak`; `name` and `ttl_s` (60 to
//! 21600, 3600 when absent) may be left out. Needs an API token whose role allows it.

mod decide;
mod handler;
#[cfg(test)]
mod tests;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve::<handler::Token>().await
}
