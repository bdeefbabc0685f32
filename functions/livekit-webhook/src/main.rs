//! `POST /livekit-webhook`: LiveKit reports rooms and participants.
//!
//! Calls that came by a SIP trunk straight into LiveKit are opened here. Answers 2xx also to what is ignored:
//! an error would hold back every later event of the room.

mod decide;
mod handler;
#[cfg(test)]
mod tests;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve::<handler::LivekitWebhook>().await
}
