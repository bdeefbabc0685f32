//! The process's HTTP client: connections kept and warm, HTTP/2 where the vendor has it.

use std::time::Duration;

use reqwest::{Client, Response};
use speech::{Fault, FaultKind, HttpRequest, Method, Vendor};
use tokio::time::timeout;

use super::tls;

/// Longest time to a TCP and TLS connection: vendors.md's budget for a live call.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// Idle connections stay this long, so that the next call finds one.
const KEEP_IDLE: Duration = Duration::from_secs(240);
/// Longest error body read.
const LONGEST_ERROR: usize = 64 << 10;

/// The shared client.
///
/// # Errors
/// The TLS set-up is unusable.
pub fn client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .tls_backend_preconfigured(tls::http_config())
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_WITHIN)
        .pool_idle_timeout(KEEP_IDLE)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .http2_keep_alive_timeout(Duration::from_secs(5))
        .http2_keep_alive_while_idle(true)
        .user_agent(concat!("ringdown/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Sends a vendor's request and waits for the response's head.
///
/// # Errors
/// The vendor is not reached, does not answer in time, or refuses.
pub async fn send(
    client: &Client,
    vendor: Vendor,
    request: HttpRequest,
    within: Duration,
) -> Result<Response, Fault> {
    let method = match request.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
    };
    let mut sending = client.request(method, &request.url).body(request.body.0);
    for header in &request.headers {
        sending = sending.header(header.name, &header.value);
    }
    let response = match timeout(within, sending.send()).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) if error.is_timeout() => return Err(Fault::timed_out(vendor, "connect")),
        Ok(Err(error)) => return Err(Fault::disconnected(vendor, &error.without_url().to_string())),
        Err(_) => return Err(Fault::timed_out(vendor, "response")),
    };
    if response.status().is_success() {
        return Ok(response);
    }
    Err(refusal(vendor, response, within).await)
}

/// Reads a body of at most `longest` bytes.
///
/// # Errors
/// It breaks off, or is longer.
pub async fn read(vendor: Vendor, mut response: Response, longest: usize) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    loop {
        let chunk = response.chunk().await;
        let chunk = chunk.map_err(|error| Fault::disconnected(vendor, &error.without_url().to_string()))?;
        let Some(chunk) = chunk else { return Ok(body) };
        if body.len() + chunk.len() > longest {
            return Err(Fault::new(vendor, FaultKind::Oversize, "", ""));
        }
        body.extend_from_slice(&chunk);
    }
}

async fn refusal(vendor: Vendor, mut response: Response, within: Duration) -> Fault {
    let status = response.status().as_u16();
    let headers: Vec<(String, String)> = response
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let mut body = Vec::new();
    let reading = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST_ERROR {
                break;
            }
        }
    };
    let _ = timeout(within, reading).await;
    Fault::from_response(vendor, status, &headers, &body)
}
