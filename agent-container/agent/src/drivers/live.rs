//! A speech-to-speech session: the caller's audio in, the agent's audio out, everything else by events.
//!
//! ```text
//!  frames ─▶ 24 kHz ─▶ session ─┬▶ events ─▶ dialogue ─▶ commands ─┐
//!                        ▲      └▶ audio of an item ─▶ voice        │
//!                        └───────────────────────────────────────────┘
//! ```

use std::collections::BTreeMap;
use std::future::pending;

use audio::{PIPELINE_HZ, Resampler};
use dialogue::{Input, LiveCommand, LiveEvent, SayId, Usage};
use line::Frame;
use speech::{ChatMessage, Fault, Kind, Outcome, RealtimeConfig, RealtimeEvent, RealtimeSocket, Vendor};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, warn};

use super::chat_messages::chat_messages;
use super::failure::failure;
use super::vendors::{Place, Vendors};
use super::voice;
use crate::net::websocket::WebSocket;

/// Audio of an item the dialogue has not named yet, in samples at the vendor's rate: the model is faster than
/// speech, so a whole reply may come before its name does. Two minutes.
const UNNAMED_SAMPLES: usize = 24_000 * 120;

/// What a session is made of.
#[derive(Debug)]
pub struct LiveSetup {
    /// Vendor, model, prompt; the first is asked, the next when it fails.
    pub chain: Vec<RealtimeConfig>,
    /// The caller.
    pub frames: mpsc::Receiver<Frame>,
    /// From the dialogue.
    pub commands: mpsc::Receiver<LiveCommand>,
    /// To the dialogue.
    pub inbox: mpsc::Sender<Input>,
    /// To the playout.
    pub voice: mpsc::Sender<voice::Command>,
    /// Which vendors work.
    pub vendors: Vendors,
}

/// The session's task.
#[derive(Debug)]
pub struct Live {
    setup: LiveSetup,
    places: Vec<Place>,
    /// Who of the chain is asked.
    at: usize,
    /// What was said in sessions before this one.
    history: Vec<ChatMessage>,
    /// Speeches by the vendor's name of the item.
    plays: BTreeMap<String, SayId>,
    /// The item that sounds, and its audio while the dialogue has not named it.
    item: Option<String>,
    unnamed: Vec<i16>,
}

/// Why a session ended.
enum Ended {
    Call,
    Fault(Fault),
    Recycle(Vec<dialogue::Message>),
}

impl Live {
    /// A session that connects as soon as it runs.
    #[must_use]
    pub fn new(setup: LiveSetup) -> Self {
        let places = Place::of_live(&setup.chain);
        Self {
            setup,
            places,
            at: 0,
            history: Vec::new(),
            plays: BTreeMap::new(),
            item: None,
            unnamed: Vec::new(),
        }
    }

    /// Runs until the frames end.
    pub async fn run(mut self) {
        let mut failed = None;
        // An empty chain has nobody to ask.
        while let Some(attempt) = self.setup.vendors.attempt(Kind::Realtime, &self.places, failed) {
            self.at = attempt.vendor();
            let ended = match self.connect().await {
                Ok((session, socket)) => self.serve(session, socket).await,
                Err(fault) => Ended::Fault(fault),
            };
            match ended {
                Ended::Call => return,
                Ended::Recycle(messages) => self.history = chat_messages(&messages),
                Ended::Fault(fault) => {
                    warn!(%fault, "speech-to-speech session lost");
                    debug!(detail = fault.detail, "what its vendor said");
                    self.setup.vendors.failed(Kind::Realtime, self.place(), &fault);
                    failed = Some(self.at);
                    self.tell(LiveEvent::Closed(failure(&fault))).await;
                    let Some(messages) = self.wait_for_recycle().await else { return };
                    self.history = chat_messages(&messages);
                }
            }
            self.end_item().await;
        }
    }

    fn place(&self) -> &Place {
        &self.places[self.at]
    }

    async fn connect(&self) -> Result<(RealtimeSocket, WebSocket), Fault> {
        let config = RealtimeConfig { history: self.history.clone(), ..self.setup.chain[self.at].clone() };
        open(config).await
    }

    /// Has models that are passed over open a session behind the scenes: one that is ready brings them back.
    fn probe(&self) {
        for at in self.setup.vendors.probes_due(Kind::Realtime, &self.places) {
            let config = self.setup.chain[at].clone();
            let (vendors, place) = (self.setup.vendors.clone(), self.places[at].clone());
            // Not one of the call's tasks: it may outlive the call, and has its own deadline.
            tokio::spawn(async move {
                match probe(config).await {
                    Ok(()) => vendors.worked(Kind::Realtime, &place),
                    Err(fault) => vendors.failed(Kind::Realtime, &place, &fault),
                }
            });
        }
    }

    /// Without a session nothing is heard; the dialogue asks for a new one, or ends the call.
    async fn wait_for_recycle(&mut self) -> Option<Vec<dialogue::Message>> {
        loop {
            tokio::select! {
                frame = self.setup.frames.recv() => drop(frame?),
                command = self.setup.commands.recv() => if let LiveCommand::Recycle { messages } = command? {
                    return Some(messages);
                }
            }
        }
    }

    async fn serve(&mut self, mut session: RealtimeSocket, mut socket: WebSocket) -> Ended {
        let Ok(mut resampler) = Resampler::new(PIPELINE_HZ, session.sample_rate()) else {
            return Ended::Fault(Fault::disconnected(Vendor::OpenAi, "rate"));
        };
        let mut samples = Vec::new();
        let ready_by = Instant::now() + Kind::Realtime.deadlines().first;
        loop {
            while let Some(message) = session.poll_send() {
                if let Err(error) = socket.send(message).await {
                    return Ended::Fault(error.fault(Vendor::OpenAi));
                }
            }
            tokio::select! {
                message = socket.next() => {
                    match session.decode(message) {
                        Ok(events) => self.hand_on(events, session.sample_rate()).await,
                        Err(fault) => return Ended::Fault(fault),
                    }
                }
                frame = self.setup.frames.recv() => {
                    let Some(frame) = frame else { return Ended::Call };
                    samples.clear();
                    resampler.push(&frame, &mut samples);
                    session.audio(&samples);
                }
                command = next(&mut self.setup.commands) => {
                    if let LiveCommand::Recycle { messages } = command {
                        session.close();
                        socket.close().await;
                        return Ended::Recycle(messages);
                    }
                    self.command(&mut session, command).await;
                }
                () = sleep_until(ready_by), if !session.ready() => {
                    return Ended::Fault(Fault::timed_out(Vendor::OpenAi, "ready"));
                }
            }
        }
    }

    async fn command(&mut self, session: &mut RealtimeSocket, command: LiveCommand) {
        match command {
            LiveCommand::Respond { instructions } => session.respond(instructions.as_deref()),
            LiveCommand::Play { item, say } => self.play(item, say, session.sample_rate()).await,
            // What sounds is cut by `Truncate` or `Delete`, which follow; what does not sound yet is forgotten.
            LiveCommand::Cancel => {
                self.unnamed.clear();
                session.cancel();
            }
            LiveCommand::Truncate { item, audio_end_ms } => session.interrupt(&item, audio_end_ms),
            LiveCommand::Delete { item } => session.interrupt(&item, 0),
            LiveCommand::ToolOutput { vendor_id, output } => session.tool_result(&vendor_id, &output),
            LiveCommand::Recycle { .. } => {}
        }
    }

    /// The dialogue named an item: what came of it so far begins to play.
    async fn play(&mut self, item: String, say: SayId, sample_rate: u32) {
        self.say(voice::Command::LiveBegin(say)).await;
        self.plays.insert(item.clone(), say);
        let samples = std::mem::take(&mut self.unnamed);
        if !samples.is_empty() {
            self.say(voice::Command::LiveAudio { id: say, sample_rate, samples }).await;
        }
        // The whole reply may have come before its name.
        if self.item.as_ref() != Some(&item) {
            self.say(voice::Command::LiveEnd(say)).await;
        }
    }

    async fn hand_on(&mut self, events: Vec<RealtimeEvent>, sample_rate: u32) {
        for event in events {
            let event = match event {
                RealtimeEvent::Ready { .. } => {
                    self.setup.vendors.worked(Kind::Realtime, self.place());
                    self.probe();
                    LiveEvent::Ready
                }
                RealtimeEvent::SpeechStarted { .. } => LiveEvent::SpeechStarted,
                RealtimeEvent::SpeechStopped { .. } => LiveEvent::SpeechStopped,
                RealtimeEvent::CallerFinal(text) => LiveEvent::Heard { text },
                RealtimeEvent::Audio { item, samples } => {
                    self.hear(item, samples, sample_rate).await;
                    continue;
                }
                RealtimeEvent::Text { item, text } => LiveEvent::Text { item, delta: text },
                RealtimeEvent::ToolCall(call) => {
                    LiveEvent::ToolCall { vendor_id: call.id, name: call.name, arguments: call.arguments }
                }
                RealtimeEvent::ResponseDone { usage, outcome } => {
                    if let Outcome::Failed(fault) = &outcome {
                        warn!(%fault, "speech-to-speech reply failed");
                        self.setup.vendors.failed(Kind::Realtime, self.place(), fault);
                    }
                    self.end_item().await;
                    LiveEvent::ResponseDone(usage.map(tokens).unwrap_or_default())
                }
                RealtimeEvent::CallerInterim(_)
                | RealtimeEvent::IdleTimeout
                | RealtimeEvent::ResponseStarted => {
                    continue;
                }
                RealtimeEvent::Ignored(why) => {
                    debug!(why, "speech-to-speech message ignored");
                    continue;
                }
            };
            self.tell(event).await;
        }
    }

    async fn hear(&mut self, item: String, samples: Vec<i16>, sample_rate: u32) {
        if self.item.as_ref() != Some(&item) {
            self.end_item().await;
            self.item = Some(item.clone());
            self.unnamed.clear();
            self.tell(LiveEvent::ItemStarted { item: item.clone() }).await;
        }
        match self.plays.get(&item) {
            Some(&id) => self.say(voice::Command::LiveAudio { id, sample_rate, samples }).await,
            None if self.unnamed.len() < UNNAMED_SAMPLES => self.unnamed.extend(samples),
            None => {}
        }
    }

    /// No more audio of the item that sounds.
    async fn end_item(&mut self) {
        let Some(item) = self.item.take() else { return };
        if let Some(&say) = self.plays.get(&item) {
            self.say(voice::Command::LiveEnd(say)).await;
        }
    }

    async fn say(&mut self, command: voice::Command) {
        // A closed channel means that the call is over.
        let _ = self.setup.voice.send(command).await;
    }

    async fn tell(&mut self, event: LiveEvent) {
        let _ = self.setup.inbox.send(Input::Live(event)).await;
    }
}

async fn open(config: RealtimeConfig) -> Result<(RealtimeSocket, WebSocket), Fault> {
    let session = RealtimeSocket::new(config);
    let opened = WebSocket::connect(&session.connect(), Kind::Realtime.deadlines().connect).await;
    Ok((session, opened.map_err(|error| error.fault(Vendor::OpenAi))?))
}

/// Opens a session and closes it again.
async fn probe(config: RealtimeConfig) -> Result<(), Fault> {
    let (mut session, mut socket) = open(config).await?;
    let getting_ready = async {
        while !session.ready() {
            while let Some(message) = session.poll_send() {
                socket.send(message).await.map_err(|error| error.fault(Vendor::OpenAi))?;
            }
            session.decode(socket.next().await)?;
        }
        Ok(())
    };
    let ready = timeout(Kind::Realtime.deadlines().first, getting_ready).await;
    socket.close().await;
    ready.unwrap_or_else(|_| Err(Fault::timed_out(Vendor::OpenAi, "ready")))
}

fn tokens(usage: speech::Usage) -> Usage {
    let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Usage {
        input_tokens: narrow(usage.input_tokens),
        cached_tokens: narrow(usage.cached_tokens),
        output_tokens: narrow(usage.output_tokens),
    }
}

async fn next(commands: &mut mpsc::Receiver<LiveCommand>) -> LiveCommand {
    match commands.recv().await {
        Some(command) => command,
        // The dialogue is gone; the frames end soon.
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use simulator::Simulator;
    use speech::{Endpoint, ToolChoice, TurnDetection};

    use super::*;

    fn config(base_url: &str) -> RealtimeConfig {
        RealtimeConfig {
            endpoint: Endpoint::new(base_url, "key"),
            model: "voice".into(),
            voice: "any".into(),
            instructions: String::new(),
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            transcription_model: None,
            language: None,
            turns: TurnDetection::Ours,
            max_output_tokens: None,
            history: Vec::new(),
            extra: serde_json::Map::new(),
        }
    }

    #[tokio::test]
    async fn a_probe_opens_a_session_where_there_is_one_and_says_why_not_elsewhere() {
        crate::net::tls::install_provider();
        let simulator = Simulator::start(simulator::Config::default()).await.unwrap();
        let there = simulator.addresses.openai.clone();
        assert_eq!(probe(config(&there)).await, Ok(()));
        // Nobody listens on the discard port.
        assert!(probe(config("http://127.0.0.1:9/v1")).await.is_err());
    }
}
