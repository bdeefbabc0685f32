//! Everything a call needs, in one process.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agent::call::bundles::Bundles;
use agent::call::call::{Patience, Shared};
use agent::call::journal::Journals;
use agent::call::records::{Bundle, Records};
use agent::call::setup::Endpoints;
use agent::call::transfer::{NoTransfers, Transfers};
use agent::drivers::turn_model::TurnModels;
use agent::drivers::vendors::Vendors;
use agent::drivers::voice::Clips;
use agent::net::{http, tls};
use agent::roads::{Joined, Roads};
use agent::spans::Spans;
use agent::supervisor::{Status, StreamCall, Supervisor, SupervisorSetup};
use agent::worker::link::{Command, Event};
use agent::worker::session::Assignment;
use dialogue::Road;
use domain::{Caller as Number, E164, JobMetadata, Provider, RoomName, WorkerId};
use line::{Line, LineEnd, LineEvent, Station};
use serde_json::{Value, json};
use simulator::Simulator;
use speech::{Endpoint, Vendor};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::interval;

use super::caller::Caller;
use super::memory::Memory;

/// What is different from the usual.
pub(crate) struct WorldSetup {
    /// The vendors' script and behaviour.
    pub(crate) simulator: simulator::Config,
    /// `vendors` of the agent.
    pub(crate) vendors: Value,
    /// Keys, which choose faults; by vendor.
    pub(crate) keys: Vec<(Vendor, &'static str)>,
    /// Turn taking.
    pub(crate) turns: Value,
    /// Other fields of the agent.
    pub(crate) agent: Value,
    /// Where spans go.
    pub(crate) spans: Spans,
    /// How callers are handed over; they are not when absent.
    pub(crate) transfers: Option<Arc<dyn Transfers>>,
    /// The end-of-turn model.
    pub(crate) turn_models: TurnModels,
    /// How long agents wait for callers.
    pub(crate) patience: Patience,
}

impl Default for WorldSetup {
    fn default() -> Self {
        Self {
            simulator: simulator::Config::default(),
            vendors: json!({
                "stt": [{"vendor": "deepgram", "model": "ears"}],
                "llm": [{"vendor": "openai", "model": "brain"}],
                "tts": [{"vendor": "elevenlabs", "model": "mouth"}],
            }),
            keys: Vec::new(),
            turns: json!({}),
            agent: json!({}),
            spans: Spans::off(),
            transfers: None,
            turn_models: TurnModels::default(),
            patience: Patience::default(),
        }
    }
}

/// Calls run in real time: more worlds at once than a small machine can simulate would make each other late.
static ROOM: Semaphore = Semaphore::const_new(2);

/// A supervisor with scripted lines and simulated vendors.
pub(crate) struct World {
    /// The vendors, as long as the world lives.
    pub(crate) simulator: Simulator,
    pub(crate) memory: Arc<Memory>,
    pub(crate) status: Arc<Status>,
    /// What the supervisor tells the worker.
    pub(crate) commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    /// Calls over media streams.
    pub(crate) streams: mpsc::Sender<StreamCall>,
    lines: mpsc::Receiver<Caller>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
    _room: SemaphorePermit<'static>,
    journals: tempfile::TempDir,
}

/// Hands the road's ends of lines to the test.
#[derive(Debug)]
struct ScriptedRoads(mpsc::Sender<Caller>, Option<Arc<dyn Transfers>>);

impl Roads for ScriptedRoads {
    fn join(&self, _: &Assignment, _: &RoomName, station: Box<dyn Station>) -> Joined {
        let (line, driver) = Line::pair();
        self.0.try_send(Caller::new(driver, station)).expect("the test takes every line");
        let able = Road { pausable: true, transfer: self.1.is_some() };
        let transfers = self.1.clone().unwrap_or_else(|| Arc::new(NoTransfers));
        Joined { line, transfers, able }
    }
}

impl World {
    pub(crate) async fn start(setup: WorldSetup) -> Self {
        let room = ROOM.acquire().await.expect("never closed");
        tls::install_provider();
        let _ = tracing_subscriber::fmt().with_env_filter("agent=debug").with_test_writer().try_init();
        let simulator = Simulator::start(setup.simulator.clone()).await.expect("simulator");
        let memory = Arc::new(Memory::new(bundle(&setup)));
        let journals = tempfile::tempdir().expect("folder");
        let roads = setup.transfers.clone();
        let shared = shared(setup, &simulator, Arc::<Memory>::clone(&memory), journals.path());
        let (line_tx, lines) = mpsc::channel(16);
        let (events, events_rx) = mpsc::channel(64);
        let (streams, streams_rx) = mpsc::channel(4);
        let (commands_tx, commands) = mpsc::channel(64);
        let (stop, stopped) = oneshot::channel();
        let status = Arc::new(Status::default());
        let supervisor = Supervisor::new(SupervisorSetup {
            shared: Arc::new(shared),
            roads: Arc::new(ScriptedRoads(line_tx, roads)),
            events: events_rx,
            streams: streams_rx,
            commands: commands_tx,
            status: Arc::clone(&status),
            seat: None,
            max_calls: 16,
            drain_within: Duration::from_secs(30),
        });
        let stopping = async move {
            let _ = stopped.await;
        };
        let running = tokio::spawn(supervisor.run(stopping));
        Self {
            simulator,
            memory,
            status,
            commands,
            events,
            streams,
            lines,
            stop: Some(stop),
            running,
            journals,
            _room: room,
        }
    }

    /// A call comes for this agent.
    pub(crate) async fn call_for(&mut self, call: &str, agent: &str) -> Caller {
        let metadata = JobMetadata {
            call_id: call.parse().expect("id"),
            provider: Provider::Twilio,
            caller: Number::Number(E164::new("+15550100123").expect("number")),
            number: E164::new("+15550100100").expect("number"),
            agent_id: agent.parse().expect("id"),
            headers: domain::SipHeaders::default(),
        };
        let assignment = Assignment {
            job_id: format!("AJ_{call}"),
            room: format!("call-{call}"),
            metadata: metadata.to_json(),
            url: None,
            token: String::new(),
        };
        self.events.send(Event::Start(assignment)).await.expect("supervisor");
        self.lines.recv().await.expect("the line is joined")
    }

    /// A call comes for the usual agent.
    pub(crate) async fn call(&mut self, call: &str) -> Caller {
        self.call_for(call, "reception").await
    }

    /// LiveKit ends the job of a call; the supervisor has told it when this returns.
    pub(crate) async fn terminates(&mut self, call: &str) {
        let job_id = format!("AJ_{call}");
        self.events.send(Event::Terminate { job_id }).await.expect("supervisor");
        // Events are taken in their order.
        let other = self.call(&format!("{call}after")).await;
        other.events.send(LineEvent::Ended(LineEnd::Duplicate)).await.expect("the call listens");
    }

    /// The journal of a call that is over, as soon as its last line is on the disk.
    pub(crate) async fn journal(&self, call: &str) -> String {
        self.journal_when(call, |journal| journal.contains("\"leave\"") && journal.ends_with('\n')).await
    }

    /// Waits until the journal of a call has these words.
    pub(crate) async fn journal_has(&self, call: &str, words: &str) {
        self.journal_when(call, |journal| journal.contains(words)).await;
    }

    async fn journal_when(&self, call: &str, enough: impl Fn(&str) -> bool) -> String {
        let path = self.journals.path().join(format!("{call}.jsonl"));
        let mut look = interval(Duration::from_millis(20));
        let reading = async {
            loop {
                look.tick().await;
                let journal = std::fs::read_to_string(&path).unwrap_or_default();
                if enough(&journal) {
                    return journal;
                }
            }
        };
        let read = tokio::time::timeout(Duration::from_secs(30), reading).await;
        read.unwrap_or_else(|_| panic!("{}", std::fs::read_to_string(&path).unwrap_or_default()))
    }

    /// The next connection to a vendor's service behaves like this.
    pub(crate) async fn next_behaves(&self, service: &str, behaviour: &Value) {
        let url = format!("{}/next/{service}", self.simulator.addresses.control);
        let client = http::client().expect("client");
        let answer = client.post(url).json(behaviour).send().await.expect("the control port answers");
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// How often a vendor's service was asked.
    pub(crate) fn asked(&self, service: simulator::Service) -> u64 {
        self.simulator.counters().services.get(&service).map_or(0, |counts| counts.requests)
    }

    /// We kept to the rules of all vendors.
    pub(crate) fn no_rule_was_broken(&self) {
        let violations = self.simulator.counters().violations;
        assert!(violations.is_empty(), "{violations:?}");
    }

    /// SIGTERM.
    pub(crate) fn stop(&mut self) {
        let _ = self.stop.take().expect("stopped once").send(());
    }

    /// Waits until the supervisor is done.
    pub(crate) async fn done(self) {
        self.running.await.expect("no panic");
    }
}

/// What all calls of a world share.
fn shared(setup: WorldSetup, simulator: &Simulator, records: Arc<dyn Records>, journals: &Path) -> Shared {
    Shared {
        endpoints: endpoints(&setup, simulator),
        bundles: Bundles::new(Arc::clone(&records)),
        records,
        client: http::client().expect("client"),
        spans: setup.spans,
        vendors: Vendors::default(),
        turn_models: setup.turn_models,
        clips: Clips::default(),
        journals: Journals::in_folder(journals).expect("journals"),
        patience: setup.patience,
        worker: WorkerId::new("test").expect("id"),
    }
}

/// The simulated vendors, with keys that choose their faults.
fn endpoints(setup: &WorldSetup, simulator: &Simulator) -> Endpoints {
    let at = &simulator.addresses;
    let key = |vendor| setup.keys.iter().find(|(v, _)| *v == vendor).map_or("key", |(_, key)| key);
    let endpoint = |vendor, url: &str| (vendor, Endpoint::new(url, key(vendor)));
    [
        endpoint(Vendor::Deepgram, &at.deepgram),
        endpoint(Vendor::OpenAi, &at.openai),
        endpoint(Vendor::ElevenLabs, &at.elevenlabs),
        endpoint(Vendor::AssemblyAi, &at.assemblyai),
        endpoint(Vendor::Anthropic, &at.anthropic),
        endpoint(Vendor::Groq, &at.groq),
    ]
    .into()
}

fn bundle(setup: &WorldSetup) -> Bundle {
    let mut agent = json!({
        "id": "reception",
        "prompt": "You book tables. The caller is {{ caller }}.",
        "greeting": "Hello, this is the restaurant. How can I help you?",
        "voice": "amy",
        "vendors": setup.vendors,
        "turns": setup.turns,
    });
    for (field, value) in setup.agent.as_object().into_iter().flatten() {
        agent[field] = value.clone();
    }
    let voice = json!({"id": "amy", "vendor": "elevenlabs", "vendor_voice_id": "amy-1"});
    Bundle {
        agent: serde_json::from_value(agent).expect("agent"),
        voice: serde_json::from_value(voice).expect("voice"),
    }
}
