//! Opening WebSockets, and their messages in the words of `speech`.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use speech::{Fault, Vendor, WsMessage, WsRequest};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::tls;

/// "No close frame came": RFC 6455, section 7.1.5.
const CLOSED_ABNORMALLY: u16 = 1006;
/// Longest a send may take: a peer that does not read is as good as gone.
const SEND_WITHIN: Duration = Duration::from_secs(5);

/// Bytes asked of the system at once: a tenth of a second of a vendor's voice. The library's own 128 KiB are zeroed before each read,
/// fifty times a second in every call.
const READ_BYTES: usize = 8 << 10;

/// A WebSocket did not open.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The server answered the upgrade with something else.
    #[error("upgrade refused with {status}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Lower-case names and values.
        headers: Vec<(String, String)>,
        /// The server's words.
        body: Vec<u8>,
    },
    /// No connection, or it broke.
    #[error("{0}")]
    Broken(String),
    /// Nothing happened in time.
    #[error("timed out")]
    TimedOut,
}

impl ConnectError {
    /// The same as a vendor's fault.
    #[must_use]
    pub fn fault(self, vendor: Vendor) -> Fault {
        match self {
            Self::Refused { status, headers, body } => Fault::from_response(vendor, status, &headers, &body),
            Self::Broken(why) => Fault::disconnected(vendor, &why),
            Self::TimedOut => Fault::timed_out(vendor, "connect"),
        }
    }
}

/// An open WebSocket.
#[derive(Debug)]
pub struct WebSocket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl WebSocket {
    /// Opens one: TCP without delay, TLS when the URL says so.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect(request: &WsRequest, within: Duration) -> Result<Self, ConnectError> {
        let mut upgrade = request.url.as_str().into_client_request().map_err(broken)?;
        for header in &request.headers {
            let mut value = HeaderValue::from_str(&header.value).map_err(broken)?;
            value.set_sensitive(header.secret);
            upgrade.headers_mut().insert(HeaderName::from_static(header.name), value);
        }
        let connector = if request.url.starts_with("wss:") {
            Connector::Rustls(tls::client_config())
        } else {
            Connector::Plain
        };
        let config = WebSocketConfig::default().read_buffer_size(READ_BYTES);
        let opening = connect_async_tls_with_config(upgrade, Some(config), true, Some(connector));
        match timeout(within, opening).await {
            Ok(Ok((socket, _))) => Ok(Self(socket)),
            Ok(Err(WsError::Http(response))) => Err(refused(*response)),
            Ok(Err(error)) => Err(broken(error)),
            Err(_) => Err(ConnectError::TimedOut),
        }
    }

    /// Sends one message.
    ///
    /// # Errors
    /// The connection is gone, or the peer stopped reading.
    pub async fn send(&mut self, message: WsMessage) -> Result<(), ConnectError> {
        let frame = match message {
            WsMessage::Text(text) => Message::Text(text.into()),
            WsMessage::Binary(bytes) => Message::Binary(bytes.into()),
            WsMessage::Close { .. } => Message::Close(None),
        };
        self.send_frame(frame).await
    }

    /// Sends a ping, so that a dead connection shows.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn ping(&mut self) -> Result<(), ConnectError> {
        self.send_frame(Message::Ping(Vec::new().into())).await
    }

    async fn send_frame(&mut self, frame: Message) -> Result<(), ConnectError> {
        match timeout(SEND_WITHIN, self.0.send(frame)).await {
            Ok(sent) => sent.map_err(broken),
            Err(_) => Err(ConnectError::TimedOut),
        }
    }

    /// The next message; a `Close` is the last. Cancel safe.
    pub async fn next(&mut self) -> WsMessage {
        loop {
            if let Received::Message(message) = self.next_frame().await {
                return message;
            }
        }
    }

    /// The next message or sign of life. Cancel safe.
    pub async fn next_frame(&mut self) -> Received {
        match self.0.next().await {
            Some(Ok(Message::Text(text))) => Received::Message(WsMessage::Text(text.as_str().to_owned())),
            Some(Ok(Message::Binary(bytes))) => Received::Message(WsMessage::Binary(bytes.into())),
            Some(Ok(Message::Close(frame))) => {
                let (code, reason) =
                    frame.map_or((CloseCode::Status, String::new()), |f| (f.code, f.reason.to_string()));
                Received::Message(WsMessage::Close { code: code.into(), reason })
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Received::SignOfLife,
            Some(Err(error)) => Received::Message(closed(error.to_string())),
            None => Received::Message(closed(String::new())),
        }
    }

    /// Says goodbye and closes; does not wait for the peer.
    pub async fn close(mut self) {
        let _ = timeout(Duration::from_millis(250), self.0.close(None)).await;
    }
}

/// What came over a socket.
#[derive(Debug)]
pub enum Received {
    /// A message.
    Message(WsMessage),
    /// A ping or pong.
    SignOfLife,
}

fn closed(reason: String) -> WsMessage {
    WsMessage::Close { code: CLOSED_ABNORMALLY, reason }
}

fn broken(error: impl std::fmt::Display) -> ConnectError {
    ConnectError::Broken(error.to_string())
}

fn refused(response: tokio_tungstenite::tungstenite::http::Response<Option<Vec<u8>>>) -> ConnectError {
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    ConnectError::Refused {
        status: response.status().as_u16(),
        headers,
        body: response.into_body().unwrap_or_default(),
    }
}
