//! Sends what the clients make, and hands them what comes back.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use speech::{Fault, HttpRequest, Method, Vendor, WsMessage, WsRequest};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message, protocol::WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// Nothing in these tests takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connected client.
pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Connects, or says how it was refused.
    pub(crate) async fn connect(vendor: Vendor, request: WsRequest) -> Result<Self, Fault> {
        let mut upgrade = request.url.into_client_request().unwrap();
        for header in request.headers {
            let value = HeaderValue::from_str(&header.value).unwrap();
            upgrade.headers_mut().insert(HeaderName::from_static(header.name), value);
        }
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        match connect_async_with_config(upgrade, Some(config), true).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                Err(Fault::from_response(vendor, response.status().as_u16(), &[], &body))
            }
            Err(error) => Err(Fault::disconnected(vendor, &error.to_string())),
        }
    }

    pub(crate) async fn send(&mut self, messages: impl IntoIterator<Item = WsMessage>) {
        for message in messages {
            let message = match message {
                WsMessage::Text(text) => Message::text(text),
                WsMessage::Binary(bytes) => Message::binary(bytes),
                WsMessage::Close { .. } => panic!("clients ask for the close in words"),
            };
            // A connection that is gone is noticed when receiving.
            let _ = self.0.send(message).await;
        }
    }

    pub(crate) async fn receive(&mut self) -> WsMessage {
        loop {
            let message =
                tokio::time::timeout(PATIENCE, self.0.next()).await.expect("the vendor says nothing");
            match message {
                Some(Ok(Message::Text(text))) => return WsMessage::Text(text.to_string()),
                Some(Ok(Message::Binary(bytes))) => return WsMessage::Binary(bytes.to_vec()),
                Some(Ok(Message::Close(Some(frame)))) => {
                    return WsMessage::Close { code: frame.code.into(), reason: frame.reason.to_string() };
                }
                Some(Ok(Message::Close(None)) | Err(_)) | None => {
                    return WsMessage::Close { code: 1006, reason: String::new() };
                }
                Some(Ok(_)) => {}
            }
        }
    }
}

/// An answer: status, headers, and the body as it comes.
pub(crate) async fn ask(request: HttpRequest) -> reqwest::Response {
    // Only the first call installs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    let builder = match request.method {
        Method::Get => client.get(&request.url),
        Method::Post => client.post(&request.url).body(request.body.0),
    };
    let builder = request.headers.iter().fold(builder, |builder, h| builder.header(h.name, h.value.as_str()));
    builder.send().await.unwrap()
}

/// Name and value pairs.
pub(crate) fn headers(response: &reqwest::Response) -> Vec<(String, String)> {
    let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}
