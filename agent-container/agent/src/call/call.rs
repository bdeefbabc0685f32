//! One call from the job to the record.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dialogue::{CallTime, Dialogue, Input, Output, Road};
use domain::{CallId, EndReason, JobId, JobMetadata, Report, RoomName, WorkerId};
use futures_util::FutureExt;
use line::{Line, LineCommand, LineEnd, LineEvent};
use opentelemetry::KeyValue;
use reqwest::Client;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tracing::{error, info, warn};

use super::bundles::Bundles;
use super::effects::{Effects, EffectsSetup, Stuck};
use super::ending::Ending;
use super::inputs;
use super::journal::{Journal, Journals};
use super::look_up::look_up;
use super::observer::Observer;
use super::records::Records;
use super::reports::{Reports, wall_now};
use super::setup::{CallSetup, Endpoints};
use super::station::StationEnd;
use super::trace::CallTrace;
use super::transfer::Transfers;
use crate::drivers::turn_model::TurnModels;
use crate::drivers::vendors::Vendors;
use crate::drivers::voice::Clips;
use crate::spans::Spans;

/// Inputs that may wait for the dialogue; drivers wait beyond it.
const INBOX_BOUND: usize = 256;

/// When the server ends a job, the line may say why this much later. The server ends the job of every agent that
/// is out of its room, a deleted room's among them, and tells it on another connection than the room's. An agent
/// that is to go, because its dispatch was deleted, has 3 s to do so (livekit-server `room.go`,
/// `waitForParticipantLeaving`).
const LINE_SAYS_WITHIN: Duration = Duration::from_secs(1);

/// How long an agent stays where nobody hears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// In a room nobody calls into. Default 60 s.
    pub caller_within: Duration,
    /// With a caller whose line rings. Default 180 s: longer than carriers let it ring.
    pub answer_within: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { caller_within: Duration::from_secs(60), answer_within: Duration::from_secs(180) }
    }
}

/// What all calls of the process share.
#[derive(Debug)]
pub struct Shared {
    /// The table.
    pub records: Arc<dyn Records>,
    /// Agents' configurations.
    pub bundles: Bundles,
    /// For models and tools.
    pub client: Client,
    /// Which vendors work.
    pub vendors: Vendors,
    /// The end-of-turn model.
    pub turn_models: TurnModels,
    /// Phrases kept as audio.
    pub clips: Clips,
    /// Where vendors are.
    pub endpoints: Endpoints,
    /// Where spans of calls go.
    pub spans: Spans,
    /// Journals.
    pub journals: Journals,
    /// How long agents wait for callers.
    pub patience: Patience,
    /// This container.
    pub worker: WorkerId,
}

/// One call to serve.
#[derive(Debug)]
pub struct Job {
    /// LiveKit's name of it, or one like it on other roads.
    pub id: JobId,
    /// The room, or what stands for it on other roads.
    pub room: RoomName,
    /// What the dispatch said; nothing on the pure SIP road.
    pub metadata: Option<JobMetadata>,
    /// How callers are handed over.
    pub transfers: Arc<dyn Transfers>,
    /// What the road can do.
    pub road: Road,
}

/// What the supervisor asks of a running call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// The process ends: be done by then.
    Drain {
        /// From now.
        within: Duration,
    },
    /// The server ended the job.
    Terminate,
}

/// The call's ends of everything around it.
#[derive(Debug)]
pub struct Ends {
    /// The road.
    pub line: Line,
    /// The audio.
    pub station: StationEnd,
    /// The supervisor.
    pub control: mpsc::Receiver<Control>,
    /// Told when the agent can be heard.
    pub running: Option<oneshot::Sender<()>>,
}

/// Serves a call to its end, whatever happens in it.
pub async fn serve(shared: Arc<Shared>, job: Job, ends: Ends) -> Ending {
    let started = Instant::now();
    let call_id = job.metadata.as_ref().map_or_else(|| CallId::of_room(&job.room), |m| m.call_id.clone());
    let reports = Reports::start(Arc::clone(&shared.records), call_id.clone(), job.id.clone());
    let Ends { line, station, control, running } = ends;
    let Line { events, commands } = line;
    let mut call = Call {
        shared,
        job,
        call_id,
        events,
        commands,
        control,
        running,
        reports,
        observer: Observer::default(),
        early: VecDeque::new(),
        ended: None,
        joined_at: None,
        terminate_at: None,
        started,
    };
    let ending = match AssertUnwindSafe(call.run(station)).catch_unwind().await {
        Ok(ending) => ending,
        Err(_) => {
            error!(call_id = %call.call_id.masked(), "panic in a call: it ends, the others go on");
            metrics::counter!(telemetry::metric::PANICS_TOTAL).increment(1);
            Ending::CRASHED
        }
    };
    call.finish(ending).await;
    ending
}

/// One call under way.
pub(super) struct Call {
    pub(super) shared: Arc<Shared>,
    job: Job,
    pub(super) call_id: CallId,
    pub(super) events: mpsc::Receiver<LineEvent>,
    pub(super) commands: mpsc::Sender<LineCommand>,
    control: mpsc::Receiver<Control>,
    running: Option<oneshot::Sender<()>>,
    pub(super) reports: Reports,
    pub(super) observer: Observer,
    /// What happened on the line before there was a dialogue.
    early: VecDeque<LineEvent>,
    pub(super) ended: Option<LineEnd>,
    joined_at: Option<Instant>,
    /// The server ended the job; the line has until then to say why.
    terminate_at: Option<Instant>,
    pub(super) started: Instant,
}

impl Call {
    async fn run(&mut self, station: StationEnd) -> Ending {
        let mut setup = match self.prepare().await {
            Ok(setup) => setup,
            Err(ending) => return ending,
        };
        self.shared.turn_models.suit(&mut setup.dialogue);
        let mut dialogue = match Dialogue::new(setup.dialogue.clone()) {
            Ok(dialogue) => dialogue,
            Err(error) => return self.unusable(&error),
        };
        let call_zero = Instant::now();
        self.observer.trace = self.trace(&setup);
        let mut journal = self.shared.journals.open(&self.call_id, &wall_now().to_string(), &setup.dialogue);
        self.talk(&mut dialogue, &mut journal, call_zero, &setup, station).await
    }

    /// The call as spans, when somebody wants them.
    fn trace(&self, setup: &CallSetup) -> Option<CallTrace> {
        let own = [
            KeyValue::new(telemetry::span::CONVERSATION, self.call_id.to_string()),
            KeyValue::new(telemetry::span::OPERATION, telemetry::span::INVOKE_AGENT),
        ];
        let attributes = own.into_iter().chain(setup.span_attributes()).collect();
        let started = SystemTime::now();
        Some(CallTrace::new(self.shared.spans.call(started, attributes)?, started))
    }

    /// Finds out who is to answer, while the line comes up.
    async fn prepare(&mut self) -> Result<CallSetup, Ending> {
        let (attributes_tx, attributes) = oneshot::channel();
        let mut attributes_tx = Some(attributes_tx);
        let looking = look_up(Arc::clone(&self.shared), self.job.metadata.clone(), attributes, self.job.road);
        tokio::pin!(looking);
        let give_up_at = self.started + self.shared.patience.caller_within;
        loop {
            tokio::select! {
                biased;
                event = self.events.recv() => {
                    let event = event.unwrap_or(LineEvent::Ended(LineEnd::ConnectionLost));
                    if let LineEvent::CallerJoined { attributes, .. } = &event
                        && let Some(tx) = attributes_tx.take()
                    {
                        let _ = tx.send(attributes.clone());
                    }
                    self.note(&event);
                    if let LineEvent::Ended(end) = event {
                        return Err(Ending::of_line(end, self.observer.answered_at.is_some()));
                    }
                    self.early.push_back(event);
                }
                found = &mut looking => return found.map_err(|reason| {
                    warn!(call_id = %self.call_id.masked(), %reason, "nobody can answer this call");
                    Ending::hang_up(reason)
                }),
                control = next(&mut self.control) => if control == Control::Terminate {
                    self.terminate();
                },
                () = sleep(self.terminate_at) => return Err(Ending::hang_up(EndReason::OperatorStopped)),
                () = sleep_until(give_up_at) => return Err(Ending::hang_up(EndReason::CallerNeverJoined)),
            }
        }
    }

    async fn talk(
        &mut self,
        dialogue: &mut Dialogue,
        journal: &mut Journal,
        zero: Instant,
        setup: &CallSetup,
        mut station: StationEnd,
    ) -> Ending {
        let (inbox_tx, mut inbox) = mpsc::channel(INBOX_BOUND);
        let mut edges = std::mem::replace(&mut station.edges, mpsc::channel(1).1);
        let with = EffectsSetup {
            inbox: inbox_tx,
            line: self.commands.clone(),
            client: self.shared.client.clone(),
            vendors: self.shared.vendors.clone(),
            turn_models: self.shared.turn_models.clone(),
            transfers: Arc::clone(&self.job.transfers),
            clips: self.shared.clips.clone(),
            call_id: self.call_id.clone(),
            records: Arc::clone(&self.shared.records),
        };
        let mut effects = Effects::start(with, setup, station);
        let mut input = Some(Input::Wake);
        loop {
            if let Some(input) = input.take()
                && let Some(ending) = self.step(dialogue, journal, &mut effects, zero, input)
            {
                return ending;
            }
            if let Some(event) = self.early.pop_front() {
                input = self.line_input(event);
                continue;
            }
            let wake_at = dialogue.deadline().map(|(at, _)| zero + Duration::from_millis(at.as_ms()));
            let alone_at = self.alone_at();
            input = tokio::select! {
                biased;
                event = self.events.recv() => {
                    let event = event.unwrap_or(LineEvent::Ended(LineEnd::ConnectionLost));
                    self.note(&event);
                    self.line_input(event)
                }
                edge = next(&mut edges) => Some(inputs::vad(edge)),
                given = next(&mut inbox) => Some(given),
                control = next(&mut self.control) => match control {
                    Control::Drain { within } => {
                        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
                        Some(Input::Drain { within_ms })
                    }
                    Control::Terminate => {
                        self.terminate();
                        None
                    }
                },
                () = sleep(self.terminate_at) => return Ending::hang_up(EndReason::OperatorStopped),
                () = sleep(wake_at) => Some(Input::Wake),
                () = sleep(alone_at) => return Ending::hang_up(EndReason::CallerNeverJoined),
                () = effects.tasks.watch() => None,
            };
        }
    }

    /// One input and all that follows from it; nothing is awaited in between.
    fn step(
        &mut self,
        dialogue: &mut Dialogue,
        journal: &mut Journal,
        effects: &mut Effects,
        zero: Instant,
        input: Input,
    ) -> Option<Ending> {
        let now = CallTime::from_ms(u64::try_from(zero.elapsed().as_millis()).unwrap_or(u64::MAX));
        if let Some(report) = self.observer.input(now, &input) {
            self.reports.tell(report);
        }
        journal.input(now, &input);
        effects.notice(&input);
        dialogue.handle(now, input);
        let mut left = None;
        while let Some(output) = dialogue.poll() {
            self.observer.output(now, &output);
            journal.output(now, &output);
            if let Output::Leave(reason) = output {
                left = Some(reason);
            }
            if effects.carry_out(output) == Err(Stuck) {
                return Some(Ending::hang_up(EndReason::AgentCrashed));
            }
        }
        let answered = self.observer.answered_at.is_some();
        left.map(|reason| Ending::of_dialogue(reason, self.ended, answered, self.observer.culprit))
    }

    /// What an event of the line means for the record.
    fn note(&mut self, event: &LineEvent) {
        match event {
            LineEvent::Published => {
                if let Some(running) = self.running.take() {
                    // The supervisor may be gone already.
                    let _ = running.send(());
                    self.reports.tell(Report::Accepted { worker: self.shared.worker.clone() });
                    self.reports.tell(Report::Joined);
                    info!(call_id = %self.call_id.masked(), after_ms = millis(self.started.elapsed()), "in the room");
                }
            }
            LineEvent::CallerJoined { identity, .. } => {
                self.joined_at.get_or_insert_with(Instant::now);
                self.job.transfers.caller_is(identity);
                self.reports.tell(Report::CallerRinging);
            }
            LineEvent::Answered => {
                self.observer.answered_at.get_or_insert_with(Instant::now);
                self.reports.tell(Report::CallerActive);
            }
            LineEvent::Ended(end) => self.ended = Some(*end),
            _ => {}
        }
    }

    /// The server ended the job: the reason comes over the line, or there was none but that.
    fn terminate(&mut self) {
        self.terminate_at.get_or_insert_with(|| Instant::now() + LINE_SAYS_WITHIN);
    }

    fn line_input(&self, event: LineEvent) -> Option<Input> {
        inputs::line(event)
    }

    /// When an agent without a caller, or without an answer, gives up.
    fn alone_at(&self) -> Option<Instant> {
        if self.observer.answered_at.is_some() {
            return None;
        }
        let Patience { caller_within, answer_within } = self.shared.patience;
        Some(self.joined_at.map_or(self.started + caller_within, |at| at + answer_within))
    }

    fn unusable(&self, error: &dyn std::fmt::Display) -> Ending {
        error!(call_id = %self.call_id.masked(), %error, "agent's configuration cannot be used");
        Ending::hang_up(EndReason::BadConfiguration)
    }
}

async fn next<T>(receiver: &mut mpsc::Receiver<T>) -> T {
    match receiver.recv().await {
        Some(value) => value,
        None => std::future::pending().await,
    }
}

async fn sleep(until: Option<Instant>) {
    match until {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
