//! The API of a LiveKit server that does what it is asked, refuses, or is silent.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Does what it is asked; there are no rooms.
    Works,
    /// Answers every request with an error.
    Refuses,
    /// Takes requests and never answers.
    Hangs,
    /// Works, but for the first request of this method, which it never answers.
    LosesFirst(&'static str),
}

/// A server on a free port; it ends with its runtime.
#[derive(Debug, Clone)]
pub struct LiveKitServer {
    /// Where it is.
    pub url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl LiveKitServer {
    /// Starts one.
    ///
    /// # Panics
    /// Without a free port.
    pub async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, behaviour, Arc::clone(&log)));
            }
        });
        Self { url: format!("ws://{address}"), asked }
    }

    /// The methods asked so far, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().map(|asked| asked.clone()).unwrap_or_default()
    }
}

async fn serve(mut stream: TcpStream, behaviour: Behaviour, asked: Arc<Mutex<Vec<String>>>) {
    while let Some(path) = request(&mut stream).await {
        let method = path.rsplit('/').next().unwrap_or_default().to_owned();
        let is_first = asked.lock().is_ok_and(|mut asked| {
            let is_first = !asked.contains(&method);
            asked.push(method.clone());
            is_first
        });
        let answer: &[u8] = match behaviour {
            Behaviour::LosesFirst(lost) if is_first && lost == method => std::future::pending().await,
            Behaviour::Works | Behaviour::LosesFirst(_) => {
                b"HTTP/1.1 200 OK\r\ncontent-type: application/protobuf\r\ncontent-length: 0\r\n\r\n"
            }
            Behaviour::Refuses => {
                b"HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\ncontent-length: 43\r\n\r\n\
                  {\"code\":\"permission_denied\",\"msg\":\"refused\"}"
            }
            Behaviour::Hangs => std::future::pending().await,
        };
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}

/// Reads one request with its body; the path of it.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(head.split(' ').nth(1)?.to_owned())
}
