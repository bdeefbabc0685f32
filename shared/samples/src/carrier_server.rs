//! The REST API of a carrier that answers as it is told: also with nonsense, half, or not at all.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::http_request::HttpRequest;

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CarrierAnswer {
    /// Status and body.
    Says(u16, Vec<u8>),
    /// On to another path of the same server (302).
    Moved(&'static str),
    /// 200 with a recording's description that names a path of the same server (Telnyx).
    Links(&'static str),
    /// 200 with a body of which only the first so many bytes come.
    Cut(Vec<u8>, usize),
    /// 200 that announces so many bytes and sends none.
    Announces(usize),
    /// None, and the connection stays open.
    Silence,
}

impl CarrierAnswer {
    /// A status with a text.
    pub fn says(status: u16, body: &str) -> Self {
        Self::Says(status, body.as_bytes().to_vec())
    }
}

/// A server on a free port; it ends with its runtime.
#[derive(Debug, Clone)]
pub struct CarrierServer {
    /// Where it is.
    pub url: String,
    asked: Arc<Mutex<Vec<HttpRequest>>>,
}

impl CarrierServer {
    /// Starts one that gives these answers in turn, the last of them ever after.
    ///
    /// # Panics
    /// Without a free port, or without any answer.
    pub async fn start(answers: Vec<CarrierAnswer>) -> Self {
        assert!(!answers.is_empty(), "an answer is needed");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = Self { url, asked: Arc::default() };
        let (answers, shared) = (Arc::new(answers), server.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&answers), shared.clone()));
            }
        });
        server
    }

    /// The requests so far, in order.
    pub fn asked(&self) -> Vec<HttpRequest> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps a request; its number.
    fn keep(&self, request: HttpRequest) -> usize {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.push(request);
        asked.len() - 1
    }
}

async fn serve(mut stream: TcpStream, answers: Arc<Vec<CarrierAnswer>>, server: CarrierServer) {
    while let Some(request) = HttpRequest::read(&mut stream).await {
        let number = server.keep(request);
        let answer = &answers[number.min(answers.len() - 1)];
        let (bytes, goes_on) = match answer {
            CarrierAnswer::Says(status, body) => (head(*status, "", body.len(), body), true),
            CarrierAnswer::Moved(to) => (head(302, &format!("location: {to}\r\n"), 0, b""), true),
            CarrierAnswer::Links(to) => {
                let link = format!(r#"{{"status":"completed","media_url":"{}{to}"}}"#, server.url);
                (head(200, "", link.len(), link.as_bytes()), true)
            }
            CarrierAnswer::Cut(body, sent) => (head(200, "", body.len(), &body[..*sent]), false),
            CarrierAnswer::Announces(length) => (head(200, "", *length, b""), true),
            CarrierAnswer::Silence => std::future::pending().await,
        };
        if stream.write_all(&bytes).await.is_err() || !goes_on {
            return;
        }
    }
}

fn head(status: u16, headers: &str, length: usize, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} Said\r\n{headers}content-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}
