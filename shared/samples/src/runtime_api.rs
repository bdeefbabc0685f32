//! The Runtime API that Lambda offers a function, emulated: one event after another.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Hands out events and takes answers, one connection after another.
#[derive(Debug)]
pub struct RuntimeApi {
    listener: TcpListener,
    connection: Option<BufReader<TcpStream>>,
}

impl RuntimeApi {
    /// On a free port.
    ///
    /// # Panics
    /// Without a free port.
    #[must_use]
    pub fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").expect("a free port"), connection: None }
    }

    /// `AWS_LAMBDA_RUNTIME_API` of the function.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn address(&self) -> String {
        self.listener.local_addr().expect("an address").to_string()
    }

    /// Waits until the function asks for its next event.
    ///
    /// # Panics
    /// When it does not in time.
    pub fn wait_for_poll(&mut self) {
        loop {
            let (line, _) = self.request();
            if line.contains("/invocation/next") {
                return;
            }
            self.answer("202 Accepted", "", b"{}");
        }
    }

    /// Answers the pending poll with an event, then waits for the next poll: the time until the answer, and
    /// the answer.
    ///
    /// # Panics
    /// When the function fails.
    pub fn invoke(&mut self, event: &Value) -> (Duration, Value) {
        let headers = "Lambda-Runtime-Aws-Request-Id: 1\r\nLambda-Runtime-Deadline-Ms: 9999999999999\r\n\
                       Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:0:function:bench\r\n\
                       Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0\r\n";
        let began = Instant::now();
        self.answer("200 OK", headers, event.to_string().as_bytes());
        let (line, body) = self.request();
        let took = began.elapsed();
        assert!(line.contains("/response"), "the function failed: {line}");
        self.answer("202 Accepted", "", b"{}");
        self.wait_for_poll();
        (took, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    fn request(&mut self) -> (String, Vec<u8>) {
        let began = Instant::now();
        loop {
            if let Some(request) = self.connection.as_mut().and_then(read_request) {
                return request;
            }
            assert!(began.elapsed() < PATIENCE, "the function does not ask");
            let (stream, _) = self.listener.accept().expect("a connection");
            stream.set_nodelay(true).expect("a connection");
            stream.set_read_timeout(Some(PATIENCE)).expect("a connection");
            self.connection = Some(BufReader::new(stream));
        }
    }

    fn answer(&mut self, status: &str, headers: &str, body: &[u8]) {
        let stream = self.connection.as_mut().expect("a connection").get_mut();
        let head = format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).expect("a connection");
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&read| read > 0)?;
    let (mut length, mut chunked) = (0, false);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|&read| read > 0)?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        chunked |= header == "transfer-encoding: chunked";
        if header == "expect: 100-continue" {
            reader.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
        }
    }
    let body = if chunked { read_chunks(reader)? } else { read_exactly(reader, length)? };
    Some((line, body))
}

fn read_chunks(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut size = String::new();
        reader.read_line(&mut size).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        body.extend(read_exactly(reader, size)?);
        read_exactly(reader, 2)?;
        if size == 0 {
            return Some(body);
        }
    }
}

fn read_exactly(reader: &mut BufReader<TcpStream>, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).ok()?;
    Some(bytes)
}
