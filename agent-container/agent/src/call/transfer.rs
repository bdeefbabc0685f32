//! Handing a caller over, on whatever road they came.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use dialogue::TransferResult;
use domain::RoomName;
use livekit::{Client, LiveKitError};
use tracing::warn;

/// A transfer under way.
pub type Transferring<'a> = Pin<Box<dyn Future<Output = TransferResult> + Send + 'a>>;

/// Hands callers over.
pub trait Transfers: std::fmt::Debug + Send + Sync {
    /// Hands the caller to an E.164 number and waits until somebody answers there, or not.
    fn transfer<'a>(&'a self, number: &'a str) -> Transferring<'a>;
    /// Learns the road's name of the caller.
    fn caller_is(&self, identity: &str);
}

/// A SIP caller in a LiveKit room: LiveKit sends a REFER.
#[derive(Debug)]
pub struct RoomTransfers {
    client: Arc<Client>,
    room: RoomName,
    caller: Mutex<Option<String>>,
}

impl RoomTransfers {
    /// For one room.
    #[must_use]
    pub fn new(client: Arc<Client>, room: RoomName) -> Self {
        Self { client, room, caller: Mutex::default() }
    }
}

impl Transfers for RoomTransfers {
    fn transfer<'a>(&'a self, number: &'a str) -> Transferring<'a> {
        Box::pin(async move {
            let caller = self.caller.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let Some(identity) = caller else { return TransferResult::Failed { sip_status: None } };
            match self.client.transfer(&self.room, &identity, &format!("tel:{number}")).await {
                Ok(()) => TransferResult::Done,
                Err(error) => {
                    warn!(%error, "transfer failed");
                    let sip_status = match error {
                        LiveKitError::Sip { status, .. } if status > 0 => Some(status),
                        _ => None,
                    };
                    TransferResult::Failed { sip_status }
                }
            }
        })
    }

    fn caller_is(&self, identity: &str) {
        *self.caller.lock().unwrap_or_else(PoisonError::into_inner) = Some(identity.to_owned());
    }
}

/// A road without transfers.
#[derive(Debug)]
pub struct NoTransfers;

impl Transfers for NoTransfers {
    fn transfer<'a>(&'a self, _number: &'a str) -> Transferring<'a> {
        Box::pin(async { TransferResult::Failed { sip_status: None } })
    }

    fn caller_is(&self, _identity: &str) {}
}
