//! `POST /call-status`: a carrier reports the state of a leg, or that a message was recorded.
//!
//! Order-free and idempotent: what is reported is a fact added to the set known of the call. The fact that
//! ends the call gives its place back in the same transaction, and its room is removed once.

mod decide;
mod handler;
#[cfg(test)]
mod tests;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve::<handler::CallStatus>().await
}
