//! `POST /incoming-call`: a carrier asks what to do with a call.
//!
//! Verify → parse → load → decide → apply → reply. One read, one conditional write, the agent asked for
//! beside the write, and one container told of the call beside both. Whatever fails, a verified request gets TwiML that serves the caller.

mod announce;
mod decide;
mod handler;
#[cfg(test)]
mod tests;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve::<handler::IncomingCall>().await
}
