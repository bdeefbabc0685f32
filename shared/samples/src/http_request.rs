//! A request as the sample servers read it.

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// `GET`, `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The `Authorization` header, empty without one.
    pub authorization: String,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// Reads the next request of a connection; nothing when it ends.
    pub(crate) async fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let header = |wanted: &str| {
            let mut named = head.lines().filter_map(|line| line.split_once(':'));
            let found = named.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let mut words = head.split(' ');
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
        stream.read_exact(&mut body).await.ok()?;
        Some(Self { method, path, authorization: header("authorization"), body })
    }
}
