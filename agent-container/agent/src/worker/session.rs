//! The agent worker protocol as a state machine: messages and times in, messages and jobs out.
//!
//! Pure: times are offsets from the worker's start, given by the caller.

use std::collections::VecDeque;
use std::time::Duration;

use livekit_protocol as proto;
use proto::server_message::Message as FromServer;
use proto::worker_message::Message as ToServer;

use super::jobs::{Assigned, Jobs};

/// How often the status goes out when nothing changes; livekit-agents' own interval.
pub const STATUS_INTERVAL: Duration = Duration::from_millis(2500);
/// How long an accepted offer keeps its slot without an assignment; livekit-agents waits as long.
pub const ASSIGNMENT_TIMEOUT: Duration = Duration::from_millis(7500);
/// How long the server may take to answer the registration.
pub const REGISTER_TIMEOUT: Duration = Duration::from_secs(10);
/// First pause before a reconnect; doubled at each failure.
const BACK_OFF_FIRST: Duration = Duration::from_millis(100);
/// Longest pause before a reconnect: without registration, callers find no agent.
const BACK_OFF_MAX: Duration = Duration::from_secs(5);
/// livekit-server gives no job to a worker at its target load (0.7 unless configured): the caller would ring in
/// vain. Load steers calls to the less busy worker; only a full one refuses.
const BELOW_TARGET: f32 = 0.69;

/// What the worker says about itself.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name under which calls are dispatched to this worker.
    pub agent_name: String,
    /// Version of this binary.
    pub version: String,
    /// Calls this process serves at once.
    pub slots: usize,
}

/// A job that became ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// LiveKit's id of the job, `AJ_…`; one of our own when the call was announced ahead of its job.
    pub job_id: String,
    /// Room to join.
    pub room: String,
    /// What the dispatch said about the call.
    pub metadata: String,
    /// Server to join, when it is not the one we are registered with.
    pub url: Option<String>,
    /// Token to join with.
    pub token: String,
}

/// How a job ended, as LiveKit is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEnd {
    /// The call was served.
    Success,
    /// It was not; the reason carries nothing private.
    Failed(String),
}

/// What the state machine is told.
#[derive(Debug, Clone)]
pub enum Input {
    /// The socket is open.
    Connected,
    /// The socket is closed, or could not be opened.
    Lost,
    /// The server said something.
    Message(Box<FromServer>),
    /// A call was announced ahead of its job.
    Announced(Assignment),
    /// The agent joined the job's room.
    JobRunning(String),
    /// The job is over.
    JobEnded(String, JobEnd),
    /// Share of the process's CPU in use, 0 to 1.
    Cpu(f32),
    /// Take no more jobs.
    Drain,
    /// A deadline passed.
    Tick,
}

/// What the state machine asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Open the socket.
    Connect,
    /// Close the socket; a `Lost` follows.
    Disconnect,
    /// Send this.
    Send(Box<ToServer>),
    /// The server knows us now.
    Registered {
        /// The server's id of this worker.
        worker_id: String,
    },
    /// Serve this call.
    Start(Assignment),
    /// An announced call is not taken: it is served already, or there is no place for it. LiveKit's job for
    /// it finds its own way.
    Declined {
        /// Which.
        job_id: String,
    },
    /// The server ended this job.
    Terminate {
        /// Which.
        job_id: String,
    },
    /// An accepted offer was not followed by an assignment; its slot is free again.
    OfferLapsed {
        /// Which.
        job_id: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Down { retry_at: Duration, failures: u32 },
    Dialling { failures: u32 },
    Registering { until: Duration },
    Registered { report_at: Duration },
}

/// The worker as a state machine.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    link: Link,
    jobs: Jobs,
    draining: bool,
    cpu: f32,
    status_seq: u64,
    outputs: VecDeque<Output>,
}

impl Session {
    /// A worker that wants to connect at once.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            link: Link::Down { retry_at: Duration::ZERO, failures: 0 },
            jobs: Jobs::default(),
            draining: false,
            cpu: 0.0,
            status_seq: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Takes one input. Drain [`poll`](Self::poll) afterwards.
    pub fn handle(&mut self, now: Duration, input: Input) {
        match input {
            Input::Connected => self.register(now),
            Input::Lost => self.back_off(now),
            Input::Message(message) => self.receive(now, *message),
            Input::Announced(assignment) => self.announce(now, assignment),
            Input::JobRunning(job_id) => self.run_job(&job_id),
            Input::JobEnded(job_id, end) => self.end_job(now, &job_id, &end),
            Input::Cpu(share) => self.cpu = share,
            Input::Drain => {
                self.draining = true;
                self.report(now);
            }
            Input::Tick => self.tick(now),
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`handle`](Self::handle) with [`Input::Tick`] at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let link = match self.link {
            Link::Down { retry_at, .. } => Some(retry_at),
            Link::Dialling { .. } => None,
            Link::Registering { until } => Some(until),
            Link::Registered { report_at } => Some(report_at),
        };
        link.into_iter().chain(self.jobs.lapses_at()).min()
    }

    /// Calls served or promised.
    #[must_use]
    pub fn job_count(&self) -> usize {
        self.jobs.taken()
    }

    /// Whether the server knows this worker.
    #[must_use]
    pub fn is_registered(&self) -> bool {
        matches!(self.link, Link::Registered { .. })
    }

    fn register(&mut self, now: Duration) {
        self.link = Link::Registering { until: now + REGISTER_TIMEOUT };
        self.outputs.push_back(Output::Send(Box::new(ToServer::Register(proto::RegisterWorkerRequest {
            r#type: proto::JobType::JtRoom as i32,
            agent_name: self.settings.agent_name.clone(),
            version: self.settings.version.clone(),
            ..Default::default()
        }))));
    }

    fn back_off(&mut self, now: Duration) {
        let failures = match self.link {
            Link::Down { .. } => return,
            Link::Dialling { failures } => failures + 1,
            Link::Registering { .. } => 1,
            Link::Registered { .. } => 0,
        };
        self.jobs.forget_offers();
        let pause = if failures == 0 {
            Duration::ZERO
        } else {
            BACK_OFF_FIRST.saturating_mul(1 << failures.min(10)).min(BACK_OFF_MAX)
        };
        self.link = Link::Down { retry_at: now + pause, failures };
    }

    fn receive(&mut self, now: Duration, message: FromServer) {
        match message {
            FromServer::Register(reply) => {
                self.link = Link::Registered { report_at: now + STATUS_INTERVAL };
                self.outputs.push_back(Output::Registered { worker_id: reply.worker_id });
                self.report(now);
            }
            FromServer::Availability(request) => self.consider(now, request.job.unwrap_or_default()),
            FromServer::Assignment(assignment) => self.assign(now, assignment),
            FromServer::Termination(termination) => self.terminate(&termination.job_id),
            FromServer::GoAway(_) => self.outputs.push_back(Output::Disconnect),
            FromServer::Pong(_) => {}
        }
    }

    fn announce(&mut self, now: Duration, assignment: Assignment) {
        let Assignment { job_id, room, .. } = &assignment;
        let has_place = !self.draining && self.jobs.taken() < self.settings.slots;
        if !has_place || !self.jobs.announce(now, job_id.clone(), room) {
            return self.outputs.push_back(Output::Declined { job_id: assignment.job_id });
        }
        self.outputs.push_back(Output::Start(assignment));
        self.report(now);
    }

    fn consider(&mut self, now: Duration, job: proto::Job) {
        let known = self.jobs.knows(&job.id);
        let room = job.room.unwrap_or_default().name;
        let announced = self.jobs.announced_in(&room).map(str::to_owned);
        let has_place = announced.is_some() || (!self.draining && self.jobs.taken() < self.settings.slots);
        let accept = has_place && !known && !job.id.is_empty();
        // The job of an announced call gets the participant that is there already.
        let identity = identity(announced.as_deref().unwrap_or(&job.id));
        self.outputs.push_back(Output::Send(Box::new(ToServer::Availability(proto::AvailabilityResponse {
            job_id: job.id.clone(),
            available: accept || (known && !self.draining),
            participant_identity: identity,
            participant_name: self.settings.agent_name.clone(),
            participant_attributes: [("lk.agent.state".to_owned(), "initializing".to_owned())].into(),
            ..Default::default()
        }))));
        if accept {
            self.jobs.offered(job.id, now + ASSIGNMENT_TIMEOUT, announced.is_some());
            self.report(now);
        }
    }

    fn assign(&mut self, now: Duration, assignment: proto::JobAssignment) {
        let job = assignment.job.unwrap_or_default();
        let room = job.room.unwrap_or_default().name;
        match self.jobs.assigned(now, &job.id, &room) {
            Assigned::Repeat => {}
            Assigned::Bound { running: true } => {
                self.tell_job(job.id, proto::JobStatus::JsRunning, String::new());
            }
            Assigned::Bound { running: false } => {}
            Assigned::Done => {
                // A second agent for the same call: done without a word.
                self.tell_job(job.id, proto::JobStatus::JsSuccess, String::new());
                self.report(now);
            }
            Assigned::Start => self.outputs.push_back(Output::Start(Assignment {
                job_id: job.id,
                room,
                metadata: job.metadata,
                url: assignment.url.filter(|url| !url.is_empty()),
                token: assignment.token,
            })),
        }
    }

    fn terminate(&mut self, job_id: &str) {
        // Also sent for jobs whose agent just left.
        if let Some(job_id) = self.jobs.terminated(job_id) {
            self.outputs.push_back(Output::Terminate { job_id });
        }
    }

    fn run_job(&mut self, job_id: &str) {
        for job_id in self.jobs.running(job_id) {
            self.tell_job(job_id, proto::JobStatus::JsRunning, String::new());
        }
    }

    fn end_job(&mut self, now: Duration, job_id: &str, end: &JobEnd) {
        let Some(jobs) = self.jobs.ended(now, job_id) else { return };
        for job_id in jobs {
            let (status, error) = match end {
                JobEnd::Success => (proto::JobStatus::JsSuccess, String::new()),
                JobEnd::Failed(why) => (proto::JobStatus::JsFailed, why.clone()),
            };
            self.tell_job(job_id, status, error);
        }
        self.report(now);
    }

    fn tell_job(&mut self, job_id: String, status: proto::JobStatus, error: String) {
        if self.is_registered() {
            let update = proto::UpdateJobStatus { job_id, status: status as i32, error };
            self.outputs.push_back(Output::Send(Box::new(ToServer::UpdateJob(update))));
        }
    }

    fn tick(&mut self, now: Duration) {
        match self.link {
            Link::Down { retry_at, failures } if retry_at <= now => {
                self.link = Link::Dialling { failures };
                self.outputs.push_back(Output::Connect);
            }
            Link::Registering { until } if until <= now => {
                self.link = Link::Registering { until: now + REGISTER_TIMEOUT };
                self.outputs.push_back(Output::Disconnect);
            }
            Link::Registered { report_at } if report_at <= now => self.report(now),
            _ => {}
        }
        self.lapse_offers(now);
    }

    fn lapse_offers(&mut self, now: Duration) {
        let ids = self.jobs.lapse(now);
        if ids.is_empty() {
            return;
        }
        self.outputs.extend(ids.into_iter().map(|job_id| Output::OfferLapsed { job_id }));
        self.report(now);
    }

    /// Tells status and load, when there is somebody to tell.
    fn report(&mut self, now: Duration) {
        if !self.is_registered() {
            return;
        }
        self.link = Link::Registered { report_at: now + STATUS_INTERVAL };
        self.status_seq += 1;
        let full = self.draining || self.jobs.taken() >= self.settings.slots;
        let status = if full { proto::WorkerStatus::WsFull } else { proto::WorkerStatus::WsAvailable };
        self.outputs.push_back(Output::Send(Box::new(ToServer::UpdateWorker(proto::UpdateWorkerStatus {
            status: Some(status as i32),
            load: self.load(),
            job_count: u32::try_from(self.jobs.taken()).unwrap_or(u32::MAX),
            draining: self.draining,
            seq: self.status_seq,
        }))));
    }

    /// The larger of CPU share and slots in use, scaled to stay below the server's target.
    #[expect(clippy::cast_precision_loss, reason = "a few hundred slots")]
    fn load(&self) -> f32 {
        let slots = self.jobs.taken() as f32 / self.settings.slots.max(1) as f32;
        self.cpu.max(slots).clamp(0.0, 1.0) * BELOW_TARGET
    }
}

/// The agent's identity in the room of a job.
#[must_use]
pub fn identity(job_id: &str) -> String {
    format!("agent-{job_id}")
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
