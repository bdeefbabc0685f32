//! `POST /rooms`: opens a room with an agent in it, and controls the calls that are in rooms.
//!
//! ```json
//! {"action": "open", "room": "demo-1", "number": "+15550100100", "identity": "alice"}
//! {"action": "list"}
//! {"action": "participants", "room": "call-CA…"}
//! {"action": "remove", "room": "call-CA…", "identity": "alice"}
//! {"action": "hang-up", "room": "call-CA…"}
//! {"action": "transfer", "room": "call-CA…", "identity": "sip_+1555…", "target": "tel:+15550100123"}
//! ```
//!
//! `open` needs an API token of the role `caller`, the others one of the role `supervisor`.

mod decide;
mod handler;
#[cfg(test)]
mod tests;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve::<handler::Rooms>().await
}
