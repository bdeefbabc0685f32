//! A tool over HTTP, and what it was asked.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

type Asked = Arc<Mutex<Vec<(Option<String>, Value)>>>;

/// Answers every request with the same words.
pub(crate) struct ToolServer {
    url: String,
    asked: Asked,
}

impl ToolServer {
    pub(crate) async fn start(answer: &'static str) -> Self {
        let asked = Asked::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("bound"));
        let take = async move |State(asked): State<Asked>, headers: HeaderMap, Json(body): Json<Value>| {
            let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
            asked.lock().expect("no panic").push((key, body));
            answer
        };
        let router = Router::new().route("/", post(take)).with_state(Arc::clone(&asked));
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { url, asked }
    }

    /// The tool as an agent is configured with it.
    pub(crate) fn config(&self, name: &str, class: &str) -> Value {
        json!({
            "name": name,
            "description": "Does it.",
            "parameters": {"type": "object"},
            "url": self.url,
            "class": class,
        })
    }

    /// What it was asked so far.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.asked.lock().expect("no panic").iter().map(|(_, body)| body.clone()).collect()
    }

    /// The idempotency keys of the requests so far.
    pub(crate) fn keys(&self) -> Vec<Option<String>> {
        self.asked.lock().expect("no panic").iter().map(|(key, _)| key.clone()).collect()
    }
}
