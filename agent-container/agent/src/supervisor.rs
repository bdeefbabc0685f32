//! All calls of the process: started, counted, drained.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use domain::{Heartbeat, JobId, JobMetadata, RoomName, Seat};
use line::Line;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};
use tracing::{error, info, warn};

use crate::call::call::{Control, Ends, Job, Shared, serve};
use crate::call::ending::Ending;
use crate::call::reports::wall_now;
use crate::call::station::{self, StationEnd};
use crate::heartbeats::Heartbeats;
use crate::roads::{JoinError, Roads};
use crate::worker::link::{Command, Event};
use crate::worker::session::{Assignment, JobEnd};

/// Time kept for goodbyes at the end of a drain.
const GOODBYE: Duration = Duration::from_secs(10);

/// What others may know of the process at any time.
#[derive(Debug, Default)]
pub struct Status {
    /// LiveKit knows this worker.
    pub registered: AtomicBool,
    /// Calls can be announced to us.
    pub seated: AtomicBool,
    /// No more calls are taken.
    pub draining: AtomicBool,
    /// Calls in progress.
    pub calls: AtomicUsize,
}

/// What the supervisor is made of.
#[derive(Debug)]
pub struct SupervisorSetup {
    /// What calls share.
    pub shared: Arc<Shared>,
    /// How a job's line is made.
    pub roads: Arc<dyn Roads>,
    /// From the worker.
    pub events: mpsc::Receiver<Event>,
    /// Calls that come without the worker.
    pub streams: mpsc::Receiver<StreamCall>,
    /// To the worker.
    pub commands: mpsc::Sender<Command>,
    /// For health and metrics.
    pub status: Arc<Status>,
    /// Where calls are announced to us, when they may be.
    pub seat: Option<Seat>,
    /// Calls served at once.
    pub max_calls: usize,
    /// How long calls may go on once told to end.
    pub drain_within: Duration,
}

/// A call that came over a media stream, whose line is up already.
#[derive(Debug)]
pub struct StreamCall {
    /// What there is to serve.
    pub job: Job,
    /// Its line.
    pub line: Line,
    /// Its audio.
    pub station: StationEnd,
}

/// A call that is ready to be served, and our ends of it.
struct Ready {
    job: Job,
    ends: Ends,
    control: mpsc::Sender<Control>,
    running: oneshot::Receiver<()>,
}

/// Serves calls until told to stop.
#[derive(Debug)]
pub struct Supervisor {
    setup: SupervisorSetup,
    calls: JoinSet<(String, Ending)>,
    controls: BTreeMap<String, mpsc::Sender<Control>>,
    heartbeats: Heartbeats,
}

impl Supervisor {
    /// A supervisor without calls; inside a runtime.
    #[must_use]
    pub fn new(setup: SupervisorSetup) -> Self {
        let heartbeats = Heartbeats::start(Arc::clone(&setup.shared.records));
        Self { setup, calls: JoinSet::new(), controls: BTreeMap::new(), heartbeats }
    }

    /// Serves calls until `stop` comes, then drains.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let mut beat = interval(Duration::from_secs(Heartbeat::EVERY_S));
        loop {
            tokio::select! {
                Some(call) = self.setup.streams.recv() => self.stream(call),
                event = self.setup.events.recv() => match event {
                    Some(event) => self.event(event),
                    None => break,
                },
                Some(ended) = self.calls.join_next() => self.ended(ended).await,
                _ = beat.tick() => self.beat(),
                () = &mut stop => break,
            }
        }
        self.drain().await;
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Registered => {
                self.setup.status.registered.store(true, Relaxed);
                self.beat();
            }
            Event::Lost => {
                self.setup.status.registered.store(false, Relaxed);
                self.beat();
            }
            Event::Seated(seated) => {
                self.setup.status.seated.store(seated, Relaxed);
                self.beat();
            }
            Event::Start(assignment) => self.start(assignment),
            Event::Terminate { job_id } => {
                if let Some(control) = self.controls.get(&job_id) {
                    // A call that does not listen is ending.
                    let _ = control.try_send(Control::Terminate);
                }
            }
        }
    }

    fn start(&mut self, assignment: Assignment) {
        let job_id = assignment.job_id.clone();
        match self.prepare(&assignment) {
            Ok(ready) => self.begin(job_id, ready),
            Err(error) => {
                error!(job_id, %error, "job cannot be served");
                let end = Command::JobEnded(job_id, JobEnd::Failed(error.to_string()));
                // The worker's channel is larger than its slots.
                let _ = self.setup.commands.try_send(end);
            }
        }
    }

    /// Joins the room: first of all, because the caller's line rings until we publish.
    fn prepare(&self, assignment: &Assignment) -> Result<Ready, JoinError> {
        let bad = |error: domain::Invalid| JoinError(error.to_string());
        let room = RoomName::new(assignment.room.clone()).map_err(bad)?;
        let id = JobId::new(assignment.job_id.clone()).map_err(bad)?;
        let (media, station) = station::pair();
        let road = self.setup.roads.join(assignment, &room, Box::new(media));
        let metadata = JobMetadata::from_json(&assignment.metadata);
        if let (Err(error), false) = (&metadata, assignment.metadata.is_empty()) {
            warn!(job_id = %id, %error, "metadata of the dispatch not understood");
        }
        let job = Job { id, room, metadata: metadata.ok(), transfers: road.transfers, road: road.able };
        Ok(Ready::new(job, road.line, station))
    }

    fn stream(&mut self, call: StreamCall) {
        let full = self.controls.len() >= self.setup.max_calls;
        if full || self.setup.status.draining.load(Relaxed) {
            // The line closes with it, and the carrier goes on with its instructions.
            return warn!(call = %call.job.id, "media stream turned away");
        }
        self.begin(call.job.id.to_string(), Ready::new(call.job, call.line, call.station));
    }

    fn begin(&mut self, job_id: String, ready: Ready) {
        let Ready { job, ends, control, running } = ready;
        self.controls.insert(job_id.clone(), control);
        let (shared, commands) = (Arc::clone(&self.setup.shared), self.setup.commands.clone());
        self.calls.spawn(async move {
            let told = tell_running(running, commands, job_id.clone());
            let (ending, ()) = tokio::join!(serve(shared, job, ends), told);
            (job_id, ending)
        });
        metrics::counter!(telemetry::metric::CALLS_TOTAL).increment(1);
        self.count();
    }

    async fn ended(&mut self, ended: Result<(String, Ending), tokio::task::JoinError>) {
        let Ok((job_id, ending)) = ended else {
            // `serve` catches panics; what is left is our own shutdown.
            return error!("a call's task ended without a word");
        };
        self.controls.remove(&job_id);
        self.count();
        let end = match ending.reason {
            Some(reason) if !ending.is_success() => JobEnd::Failed(reason.to_string()),
            _ => JobEnd::Success,
        };
        let _ = self.setup.commands.send(Command::JobEnded(job_id, end)).await;
    }

    fn count(&self) {
        self.setup.status.calls.store(self.controls.len(), Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "hundreds")]
        metrics::gauge!(telemetry::metric::CALLS_ACTIVE).set(self.controls.len() as f64);
    }

    /// Tells the table that we live, beside everything else.
    fn beat(&self) {
        // Without LiveKit nobody can send us a call.
        let status = &self.setup.status;
        let closed = status.draining.load(Relaxed) || !status.registered.load(Relaxed);
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let beat = Heartbeat {
            worker: self.setup.shared.worker.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            capacity: if closed { 0 } else { narrow(self.setup.max_calls) },
            active: narrow(self.controls.len()),
            seat: self.setup.seat.clone().filter(|_| status.seated.load(Relaxed)),
            at: wall_now(),
        };
        self.heartbeats.tell(beat);
    }

    /// Takes no more calls, lets those in progress end, says goodbye.
    async fn drain(mut self) {
        let within = self.setup.drain_within;
        info!(calls = self.controls.len(), within_s = within.as_secs(), "draining");
        self.setup.status.draining.store(true, Relaxed);
        let _ = self.setup.commands.send(Command::Drain).await;
        self.beat();
        for control in self.controls.values() {
            let _ = control.try_send(Control::Drain { within: within.saturating_sub(GOODBYE) });
        }
        let until = Instant::now() + within;
        while !self.controls.is_empty() {
            tokio::select! {
                Some(ended) = self.calls.join_next() => self.ended(ended).await,
                Some(event) = self.setup.events.recv() => self.event(event),
                () = tokio::time::sleep_until(until) => {
                    error!(calls = self.controls.len(), "calls left behind at the end of the drain");
                    break;
                }
            }
        }
        self.heartbeats.stop().await;
        info!("drained");
    }
}

impl Ready {
    fn new(job: Job, line: Line, station: StationEnd) -> Self {
        let (control, controls) = mpsc::channel(4);
        let (running_tx, running) = oneshot::channel();
        let ends = Ends { line, station, control: controls, running: Some(running_tx) };
        Self { job, ends, control, running }
    }
}

async fn tell_running(running: oneshot::Receiver<()>, commands: mpsc::Sender<Command>, job_id: String) {
    if running.await.is_ok() {
        let _ = commands.send(Command::JobRunning(job_id)).await;
    }
}
