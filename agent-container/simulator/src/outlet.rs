//! The sending half of a connection: in order, each message when it is due, until the fault strikes.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use bytes::Bytes;
use futures_util::SinkExt as _;
use futures_util::stream::SplitSink;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::behaviour::{Behaviour, FaultKind, Service};
use crate::world::World;

/// Messages waiting to be due; a full queue makes the vendor wait, as a slow client does.
const QUEUE: usize = 1024;
/// Bytes of the oversized message: above every limit a careful client has, below what a WebSocket library refuses
/// before the client sees it.
const OVERSIZE: usize = 17 << 20;

/// The other side is gone, or the fault ended the connection.
#[derive(Debug)]
pub(crate) struct Gone;

/// Where a vendor's messages go.
#[derive(Clone, Debug)]
pub(crate) struct Outlet {
    tx: mpsc::Sender<(Instant, Message)>,
}

impl Outlet {
    /// Starts sending; the task ends when the connection is over.
    pub(crate) fn start(
        world: &Arc<World>,
        service: Service,
        behaviour: &Behaviour,
        sink: SplitSink<WebSocket, Message>,
    ) -> (Self, JoinHandle<()>) {
        let (tx, rx) = mpsc::channel(QUEUE);
        let trouble = Trouble::new(world, service, behaviour);
        (Self { tx }, tokio::spawn(write(rx, sink, trouble)))
    }

    pub(crate) async fn send(&self, message: &serde_json::Value) -> Result<(), Gone> {
        self.send_in(Duration::ZERO, message).await
    }

    /// Sends after `delay`; later messages wait behind it.
    pub(crate) async fn send_in(&self, delay: Duration, message: &serde_json::Value) -> Result<(), Gone> {
        self.put(delay, Message::Text(message.to_string().into())).await
    }

    /// Closes with a code, after everything sent before.
    pub(crate) async fn close(&self, code: u16, reason: &str) -> Result<(), Gone> {
        self.put(Duration::ZERO, Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await
    }

    pub(crate) async fn put(&self, delay: Duration, message: Message) -> Result<(), Gone> {
        self.tx.send((Instant::now() + delay, message)).await.map_err(|_| Gone)
    }
}

async fn write(
    mut rx: mpsc::Receiver<(Instant, Message)>,
    mut sink: SplitSink<WebSocket, Message>,
    mut trouble: Trouble,
) {
    while let Some((due, message)) = rx.recv().await {
        tokio::time::sleep_until(due).await;
        let closing = matches!(message, Message::Close(_));
        let strike = if closing { Strike::None } else { trouble.next() };
        match strike {
            Strike::None => {}
            Strike::Before(nonsense) => {
                for message in nonsense {
                    if sink.send(message).await.is_err() {
                        return;
                    }
                }
            }
            Strike::Swallow => continue,
            Strike::Drop => return,
            Strike::Last(last) => {
                for message in last {
                    let _ = sink.send(message).await;
                }
                return;
            }
        }
        if sink.send(message).await.is_err() || closing {
            return;
        }
    }
}

/// The body of an HTTP answer: pieces as they are made, until the fault strikes.
pub(crate) struct Pieces {
    tx: mpsc::Sender<Result<Bytes, std::io::Error>>,
    trouble: Trouble,
}

impl Pieces {
    pub(crate) fn start(world: &Arc<World>, service: Service, behaviour: &Behaviour) -> (Self, Body) {
        // A short queue: a client that stops reading, or goes, is noticed.
        let (tx, mut rx) = mpsc::channel(4);
        let stream = futures_util::stream::poll_fn(move |context| rx.poll_recv(context));
        (Self { tx, trouble: Trouble::new(world, service, behaviour) }, Body::from_stream(stream))
    }

    pub(crate) async fn send(&mut self, piece: impl Into<Bytes>) -> Result<(), Gone> {
        match self.trouble.next() {
            Strike::None => {}
            Strike::Before(nonsense) => {
                for message in nonsense {
                    self.put(Ok(as_event(message))).await?;
                }
            }
            Strike::Swallow => {
                self.tx.closed().await;
                return Err(Gone);
            }
            Strike::Drop => {
                let _ = self.put(Err(std::io::Error::other("fault: disconnect"))).await;
                return Err(Gone);
            }
            Strike::Last(last) => {
                for message in last.into_iter().filter(|message| !matches!(message, Message::Close(_))) {
                    self.put(Ok(as_event(message))).await?;
                }
                return Err(Gone);
            }
        }
        self.put(Ok(piece.into())).await
    }

    /// Waits, but not for a client that is gone.
    pub(crate) async fn wait(&self, until: Instant) -> Result<(), Gone> {
        tokio::select! {
            () = tokio::time::sleep_until(until) => Ok(()),
            () = self.tx.closed() => Err(Gone),
        }
    }

    /// Whether the fault, not the client, ended it.
    pub(crate) fn failed(&self) -> bool {
        self.trouble.struck
    }

    async fn put(&self, piece: Result<Bytes, std::io::Error>) -> Result<(), Gone> {
        self.tx.send(piece).await.map_err(|_| Gone)
    }
}

/// Text as a server-sent event, with the event's name where the vendor gives one.
fn as_event(message: Message) -> Bytes {
    match message {
        Message::Text(text) => {
            let kind = serde_json::from_str::<serde_json::Value>(&text).ok();
            let kind = kind.as_ref().and_then(|value| value.get("type")?.as_str());
            let event = kind.map(|kind| format!("event: {kind}\n")).unwrap_or_default();
            format!("{event}data: {text}\n\n").into()
        }
        Message::Binary(bytes) => bytes,
        _ => Bytes::new(),
    }
}

/// When and how a connection goes wrong.
struct Trouble {
    world: Arc<World>,
    service: Service,
    fault: Option<FaultKind>,
    left: u32,
    struck: bool,
}

enum Strike {
    None,
    /// These first, then on.
    Before(Vec<Message>),
    /// Not this one, nor any later.
    Swallow,
    /// End without a word.
    Drop,
    /// These, then end.
    Last(Vec<Message>),
}

impl Trouble {
    fn new(world: &Arc<World>, service: Service, behaviour: &Behaviour) -> Self {
        let after = behaviour.after.unwrap_or(0);
        Self { world: world.clone(), service, fault: behaviour.fault, left: after, struck: false }
    }

    fn next(&mut self) -> Strike {
        let Some(fault) = self.fault else { return Strike::None };
        if self.left > 0 {
            self.left -= 1;
            return Strike::None;
        }
        let first = !std::mem::replace(&mut self.struck, true);
        if first && fault != FaultKind::Slow {
            self.world.ledger.count(self.service, |counts| counts.faults += 1);
        }
        match fault {
            FaultKind::Silent => Strike::Swallow,
            FaultKind::Disconnect => Strike::Drop,
            FaultKind::Error => Strike::Last(self.service.last_words()),
            FaultKind::Expired => Strike::Last(self.service.expiry()),
            FaultKind::Garbage if first => Strike::Before(garbage()),
            FaultKind::Oversize if first => Strike::Before(vec![Message::Text("x".repeat(OVERSIZE).into())]),
            _ => Strike::None,
        }
    }
}

fn garbage() -> Vec<Message> {
    let texts = [
        "{\"type\":\"Resul",
        "[]",
        "{\"type\":\"NeverHeardOf\",\"value\":[1,2,3]}",
        "{}",
        "nonsense \u{fffd}",
        "null",
    ];
    texts
        .map(|text| Message::Text(text.into()))
        .into_iter()
        .chain([Message::Binary(vec![0xff, 0xfe, 0x00].into())])
        .collect()
}
