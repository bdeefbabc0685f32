//! Scheduled, every minute: closes calls whose events were lost, sends an agent to callers who wait without
//! one, removes rooms that outlived their calls.
//!
//! It asks LiveKit and the carrier what is true, and guesses only when nobody knows. What it finds is a fact
//! like any other: whoever was there and speaks later is believed before it.

mod carriers;
mod decide;
mod handler;
#[cfg(test)]
mod tests;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve::<handler::Sweeper>().await
}
