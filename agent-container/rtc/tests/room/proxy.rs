//! A wire to livekit-server's signalling port that can be cut, led elsewhere, and spoken into.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc};

pub(crate) struct Proxy {
    address: SocketAddr,
    target: Arc<Mutex<SocketAddr>>,
    cut: broadcast::Sender<()>,
    inject: Arc<Mutex<Option<mpsc::Sender<Vec<u8>>>>>,
}

impl Proxy {
    /// To the server at `url`, `ws://ADDRESS:PORT`.
    pub(crate) async fn to(url: &str) -> Result<Self> {
        let target = Arc::new(Mutex::new(address_of(url)?));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (cut, _) = broadcast::channel(1);
        let proxy = Self { address, target, cut, inject: Arc::default() };
        let (target, cut, inject) = (proxy.target.clone(), proxy.cut.clone(), proxy.inject.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let to = *target.lock().expect("not poisoned");
                let (sender, injected) = mpsc::channel(8);
                *inject.lock().expect("not poisoned") = Some(sender);
                tokio::spawn(forward(client, to, cut.subscribe(), injected));
            }
        });
        Ok(proxy)
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Ends every connection now; new ones are made as before.
    pub(crate) fn cut(&self) {
        // No connection, nothing to cut.
        let _ = self.cut.send(());
    }

    /// Leads new connections to another server.
    pub(crate) fn lead_to(&self, url: &str) -> Result<()> {
        *self.target.lock().expect("not poisoned") = address_of(url)?;
        Ok(())
    }

    /// Says bytes to the client of the newest connection, as if the server had.
    pub(crate) async fn say(&self, bytes: Vec<u8>) -> Result<()> {
        let sender = self.inject.lock().expect("not poisoned").clone().context("no connection")?;
        sender.send(bytes).await.context("the connection is gone")
    }
}

/// A WebSocket frame of a server: binary, whole, unmasked (RFC 6455, section 5.2).
pub(crate) fn binary_frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x82];
    match u16::try_from(payload.len()) {
        Ok(length) if length < 126 => frame.push(length as u8),
        Ok(length) => {
            frame.push(126);
            frame.extend(length.to_be_bytes());
        }
        Err(_) => unreachable!("tests say little"),
    }
    frame.extend(payload);
    frame
}

async fn forward(
    mut client: TcpStream,
    to: SocketAddr,
    mut cut: broadcast::Receiver<()>,
    mut injected: mpsc::Receiver<Vec<u8>>,
) -> Result<()> {
    let mut server = TcpStream::connect(to).await?;
    let (mut up, mut down) = (vec![0; 65536], vec![0; 65536]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => match read? {
                0 => return Ok(()),
                n => server.write_all(&up[..n]).await?,
            },
            read = server.read(&mut down) => match read? {
                0 => return Ok(()),
                n => client.write_all(&down[..n]).await?,
            },
            Some(bytes) = injected.recv() => client.write_all(&bytes).await?,
            _ = cut.recv() => return Ok(()),
        }
    }
}

fn address_of(url: &str) -> Result<SocketAddr> {
    url.strip_prefix("ws://").context("ws:// only")?.parse().context("an address and a port")
}
