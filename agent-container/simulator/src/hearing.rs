//! The receiving loop of every live transcription socket.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::TryStreamExt as _;
use futures_util::stream::SplitStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::behaviour::Service;
use crate::cancel::Open;
use crate::outlet::Gone;
use crate::world::World;

/// Whether a session goes on.
pub(crate) enum Next {
    On,
    /// The last message, a close, has been queued.
    Over,
}

/// A protocol with audio in binary and commands in text messages.
pub(crate) trait Hearing {
    const SERVICE: Service;
    fn world(&self) -> &Arc<World>;
    /// How long it waits for any message.
    fn patience(&self) -> Duration;
    /// That time has passed: say so and close.
    async fn impatient(&mut self) -> Result<(), Gone>;
    async fn audio(&mut self, bytes: &[u8]) -> Result<Next, Gone>;
    async fn command(&mut self, text: &str) -> Result<Next, Gone>;
}

/// Runs a session until either side ends it.
pub(crate) async fn run<H: Hearing>(
    mut session: H,
    mut stream: SplitStream<WebSocket>,
    mut writer: JoinHandle<()>,
) -> Result<(), Gone> {
    let _open = Open::begin(session.world(), H::SERVICE);
    let mut deadline = Instant::now() + session.patience();
    loop {
        let next = tokio::select! {
            message = stream.try_next() => {
                deadline = Instant::now() + session.patience();
                match message {
                    Ok(Some(Message::Binary(bytes))) => session.audio(&bytes).await?,
                    Ok(Some(Message::Text(text))) => session.command(&text).await?,
                    Ok(Some(Message::Close(_)) | None) | Err(_) => return Ok(()),
                    Ok(Some(_)) => Next::On,
                }
            }
            _ = &mut writer => return Ok(()),
            () = tokio::time::sleep_until(deadline) => {
                session.impatient().await?;
                Next::Over
            }
        };
        if let Next::Over = next {
            let _ = writer.await;
            return Ok(());
        }
    }
}
