//! A caller over Media Streams: 20 ms of µ-law each 20 ms, prepared beforehand, so that a hundred and fifty of them cost little.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use audio::analysis::rms_dbfs;
use audio::mulaw;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carrier::TicketKey;
use carrier::plan::{STREAM_JOB, STREAM_TOKEN};
use futures_util::{SinkExt, StreamExt};
use local::StackFile;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const FRAME: Duration = Duration::from_millis(20);
/// Samples of it at 8 kHz.
const FRAME_SAMPLES: usize = 160;
/// µ-law's silence.
const SILENCE: u8 = 0xff;
/// Louder than this is a voice.
const VOICE_DBFS: f64 = -45.0;
/// The agent has finished when nothing came for so long.
const FINISHED_AFTER: Duration = Duration::from_millis(300);
/// How long the caller waits for a word of the agent before going on without.
const REPLY_WITHIN: Duration = Duration::from_secs(8);
/// Epoch seconds far from now, for tickets.
const LATER_S: u64 = 4_000_000_000;

/// Something to say, in frames as they are sent.
#[derive(Debug)]
pub(crate) struct Utterance {
    payloads: Vec<String>,
    /// The last frame with a voice in it.
    last_loud: usize,
}

impl Utterance {
    /// Of samples at 8 kHz.
    pub(crate) fn new(samples: &[i16]) -> Self {
        let frames: Vec<&[i16]> = samples.chunks(FRAME_SAMPLES).collect();
        let last_loud = frames.iter().rposition(|frame| rms_dbfs(frame) > VOICE_DBFS).unwrap_or(0);
        let payloads = frames.iter().map(|frame| {
            let mut bytes = Vec::with_capacity(FRAME_SAMPLES);
            mulaw::encode(frame, &mut bytes);
            bytes.resize(FRAME_SAMPLES, SILENCE);
            STANDARD.encode(bytes)
        });
        Self { payloads: payloads.collect(), last_loud }
    }
}

/// What all callers of a load share.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) stack: StackFile,
    pub(crate) utterances: Vec<Utterance>,
    /// Turns that begin from here on count.
    pub(crate) from: Instant,
    /// Turns that begin from here on do not, and the callers leave.
    pub(crate) until: Instant,
}

/// One turn of a caller, in frames since the call began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    /// Which turn of the call.
    pub(crate) number: usize,
    pub(crate) first_frame: usize,
    pub(crate) last_loud_frame: usize,
    /// When the agent's first frame came; `None` when none did.
    pub(crate) replied: Option<Instant>,
}

/// A call that is over.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) call_id: String,
    /// When each frame was sent, and what it was: utterance and frame of it, or silence.
    pub(crate) sent: Vec<(Instant, Option<(usize, usize)>)>,
    /// The turns that count.
    pub(crate) turns: Vec<Turn>,
}

impl Load {
    /// The message that opens the stream of a call.
    pub(crate) fn start(&self, call_id: &str) -> String {
        let ticket = TicketKey::derive(&self.stack.livekit_api_secret).media_stream(call_id, LATER_S);
        let job = json!({
            "call_id": call_id, "provider": "twilio", "number": self.stack.number, "agent_id": "reception",
            "caller": {"kind": "number", "value": "+15550100123"},
        });
        let start = json!({
            "accountSid": self.stack.twilio_account_sid, "streamSid": stream_sid(call_id), "callSid": call_id,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {STREAM_TOKEN: ticket, STREAM_JOB: job.to_string()},
        });
        json!({"event": "start", "sequenceNumber": "1", "streamSid": stream_sid(call_id), "start": start})
            .to_string()
    }

    /// The message of a frame.
    pub(crate) fn media(&self, call_id: &str, frame: usize, what: Option<(usize, usize)>) -> String {
        let silence;
        let payload = match what {
            Some((utterance, at)) => &self.utterances[utterance].payloads[at],
            None => {
                silence = STANDARD.encode([SILENCE; FRAME_SAMPLES]);
                &silence
            }
        };
        format!(
            r#"{{"event":"media","sequenceNumber":"{}","streamSid":"{}","media":{{"track":"inbound","chunk":"{}","timestamp":"{}","payload":"{payload}"}}}}"#,
            frame + 2,
            stream_sid(call_id),
            frame + 1,
            frame * 20,
        )
    }
}

fn stream_sid(call_id: &str) -> String {
    format!("MZ{call_id}")
}

/// Calls, talks until the load ends, hangs up.
pub(crate) async fn call(load: Arc<Load>, call_id: String) -> Result<Call> {
    let url = &load.stack.extra.media_stream_url;
    let (mut socket, _) =
        tokio_tungstenite::connect_async(url).await.with_context(|| format!("{url} takes no stream"))?;
    socket.send(Message::text(r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#)).await?;
    socket.send(Message::text(load.start(&call_id))).await?;
    let mut caller = Caller::new(load, call_id);
    let mut ticks = interval(FRAME);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while !caller.is_done() {
        tokio::select! {
            message = socket.next() => {
                let message = message.context("the agent hung up")??;
                caller.receive(message, &mut socket).await?;
            }
            _ = ticks.tick() => {
                let message = caller.next_frame();
                socket.send(Message::text(message)).await?;
                caller.call.sent.push((Instant::now(), caller.sending));
            }
        }
    }
    let stop = json!({"event": "stop", "streamSid": stream_sid(&caller.call.call_id),
        "stop": {"accountSid": caller.load.stack.twilio_account_sid, "callSid": caller.call.call_id}});
    socket.send(Message::text(stop.to_string())).await?;
    // The agent closes; a socket that is closed already is as good.
    let _ =
        tokio::time::timeout(REPLY_WITHIN, async { while let Some(Ok(_)) = socket.next().await {} }).await;
    Ok(caller.call)
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Doing {
    /// Listening until the agent has been heard and has finished.
    Listening {
        since: Instant,
        heard: Option<Instant>,
    },
    Speaking {
        utterance: usize,
        frame: usize,
    },
    Done,
}

struct Caller {
    load: Arc<Load>,
    call: Call,
    doing: Doing,
    sending: Option<(usize, usize)>,
    turns: usize,
    /// The turn that waits for its reply.
    open: Option<Turn>,
}

impl Caller {
    fn new(load: Arc<Load>, call_id: String) -> Self {
        let call = Call { call_id, sent: Vec::new(), turns: Vec::new() };
        let doing = Doing::Listening { since: Instant::now(), heard: None };
        Self { load, call, doing, sending: None, turns: 0, open: None }
    }

    fn is_done(&self) -> bool {
        self.doing == Doing::Done
    }

    async fn receive(
        &mut self,
        message: Message,
        socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>,
    ) -> Result<()> {
        let Message::Text(text) = message else { return Ok(()) };
        // serde_json writes keys in alphabetical order.
        if text.starts_with(r#"{"event":"mark""#) {
            // Played at once.
            socket.send(Message::Text(text)).await?;
        } else if text.starts_with(r#"{"event":"media""#) {
            self.hear(Instant::now());
        }
        Ok(())
    }

    fn hear(&mut self, now: Instant) {
        if let Doing::Listening { heard, .. } = &mut self.doing {
            *heard = Some(now);
            if let Some(turn) = &mut self.open {
                turn.replied.get_or_insert(now);
            }
        }
    }

    fn next_frame(&mut self) -> String {
        let now = Instant::now();
        match self.doing {
            Doing::Listening { since, heard } => {
                let finished = heard.is_some_and(|heard| now - heard > FINISHED_AFTER);
                if finished || heard.is_none() && now - since > REPLY_WITHIN {
                    self.go_on(now);
                }
            }
            Doing::Speaking { utterance, frame } if frame + 1 < self.length(utterance) => {
                self.doing = Doing::Speaking { utterance, frame: frame + 1 };
            }
            Doing::Speaking { .. } => self.doing = Doing::Listening { since: now, heard: None },
            Doing::Done => {}
        }
        self.sending = match self.doing {
            Doing::Speaking { utterance, frame } => Some((utterance, frame)),
            _ => None,
        };
        self.load.media(&self.call.call_id, self.call.sent.len(), self.sending)
    }

    /// Closes the turn and begins the next one, or leaves.
    fn go_on(&mut self, now: Instant) {
        self.call.turns.extend(self.open.take());
        if now >= self.load.until {
            self.doing = Doing::Done;
            return;
        }
        let utterance = self.turns % self.load.utterances.len();
        let first_frame = self.call.sent.len();
        let last_loud_frame = first_frame + self.load.utterances[utterance].last_loud;
        let turn = Turn { number: self.turns, first_frame, last_loud_frame, replied: None };
        self.open = (now >= self.load.from).then_some(turn);
        self.turns += 1;
        self.doing = Doing::Speaking { utterance, frame: 0 };
    }

    fn length(&self, utterance: usize) -> usize {
        self.load.utterances[utterance].payloads.len()
    }
}
