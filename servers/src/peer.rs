//! An independent room participant: LiveKit's Python SDK, driven over its standard input and output.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::process::{bound_to_parent, spawn_on_lasting_thread};
use crate::tools::{Tool, workspace_root};

/// Reports waiting to be read; the Python side waits when it is full.
const REPORTS: usize = 1024;

/// Importing the SDK takes most of a second, several on a busy machine.
const JOIN_LIMIT: Duration = Duration::from_secs(60);

/// A participant nobody here wrote. Dropping it ends the program.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    orders: ChildStdin,
    reports: mpsc::Receiver<Value>,
    seen: Vec<Value>,
}

/// The last second of what the peer heard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToneHeard {
    /// Pitch of the strongest tone in Hz.
    pub hz: f64,
    /// Level in dB below full scale.
    pub dbfs: f64,
    /// Share of the power within 3 Hz of the strongest tone, 0 to 1.
    pub purity: f64,
    /// 20 ms blocks, of 50, that are 20 dB quieter than the whole: drop-outs of a tone.
    pub silent_blocks: u64,
}

impl Peer {
    /// Joins the room of `token` and subscribes to everything there.
    ///
    /// # Errors
    /// When Python or the SDK is missing, or the room cannot be joined.
    pub async fn join(url: &str, token: &str) -> Result<Self> {
        let script = workspace_root().join("servers/python/peer.py");
        let mut command = Command::new(Tool::Python.path()?);
        command.arg(script).args([url, token]);
        let mut command = bound_to_parent(&command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = spawn_on_lasting_thread(command).context("cannot start the Python peer")?;
        let orders = child.stdin.take().context("the Python peer has no standard input")?;
        let output = child.stdout.take().context("the Python peer has no standard output")?;
        let (sender, reports) = mpsc::channel(REPORTS);
        std::thread::spawn(move || forward(BufReader::new(output), &sender));
        let mut peer = Self { child, orders, reports, seen: Vec::new() };
        peer.until("connected", JOIN_LIMIT, |_| true).await?;
        Ok(peer)
    }

    /// Waits for a report `event` that satisfies `wanted`; earlier reports count too. See `python/peer.py` for their fields.
    ///
    /// # Errors
    /// When it does not come within `within`.
    pub async fn until(
        &mut self,
        event: &str,
        within: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let matches = |report: &Value| report["event"] == event && wanted(report);
        if let Some(report) = self.seen.iter().find(|report| matches(report)) {
            return Ok(report.clone());
        }
        let deadline = tokio::time::Instant::now() + within;
        loop {
            let Ok(report) = tokio::time::timeout_at(deadline, self.reports.recv()).await else {
                bail!(
                    "the peer did not report `{event}` within {} s; it reported {:?}",
                    within.as_secs(),
                    self.seen
                )
            };
            let Some(report) = report else { bail!("the peer ended before it reported `{event}`") };
            self.seen.push(report.clone());
            if matches(&report) {
                return Ok(report);
            }
        }
    }

    /// Publishes a tone of `hz` at -13.5 dBFS.
    ///
    /// # Errors
    /// When the peer has ended or LiveKit refuses.
    pub async fn publish_tone(&mut self, hz: f64) -> Result<()> {
        self.ask(&json!({ "command": "tone", "hz": hz }), "published").await.map(drop)
    }

    /// Takes the tone back.
    ///
    /// # Errors
    /// When the peer has ended.
    pub async fn unpublish(&mut self) -> Result<()> {
        self.ask(&json!({ "command": "silence" }), "unpublished").await.map(drop)
    }

    /// Sends reliable data to everybody in the room.
    ///
    /// # Errors
    /// When the peer has ended.
    pub async fn send_data(&mut self, data: &str, topic: &str) -> Result<()> {
        self.ask(&json!({ "command": "data", "data": data, "topic": topic }), "data_sent").await.map(drop)
    }

    /// Sends a key press (RFC 4733 event `code`).
    ///
    /// # Errors
    /// When the peer has ended.
    pub async fn send_dtmf(&mut self, code: u8, digit: &str) -> Result<()> {
        self.ask(&json!({ "command": "dtmf", "code": code, "digit": digit }), "dtmf_sent").await.map(drop)
    }

    /// Measures the last second heard; `None` before a whole second was.
    ///
    /// # Errors
    /// When the peer has ended.
    pub async fn measure(&mut self) -> Result<Option<ToneHeard>> {
        let report = self.ask(&json!({ "command": "measure" }), "measured").await?;
        let number = |name: &str| report[name].as_f64();
        Ok(number("hz").zip(number("dbfs")).zip(number("purity")).map(|((hz, dbfs), purity)| ToneHeard {
            hz,
            dbfs,
            purity,
            silent_blocks: report["silent_blocks"].as_u64().unwrap_or(u64::MAX),
        }))
    }

    /// Gives an order and waits for its answer: a report newer than the order.
    async fn ask(&mut self, order: &Value, answer: &str) -> Result<Value> {
        while let Ok(report) = self.reports.try_recv() {
            self.seen.push(report);
        }
        self.seen.retain(|report| report["event"] != answer);
        writeln!(self.orders, "{order}").context("the Python peer has ended")?;
        self.until(answer, Duration::from_secs(20), |_| true).await
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn forward(output: impl BufRead, reports: &mpsc::Sender<Value>) {
    for line in output.lines().map_while(Result::ok) {
        let Ok(report) = serde_json::from_str(&line) else { continue };
        if reports.blocking_send(report).is_err() {
            return;
        }
    }
}
