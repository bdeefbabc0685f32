//! A deployment of its own for one test: an empty table in memory, a LiveKit server, sample settings.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::{
    AgentConfig, Arrival, CallId, Caller, Config as _, Direction, E164, Fact, Heartbeat, JobMetadata,
    NumberConfig, Provider, Road, Seat, WallTime, WorkerId, Write,
};
use lambda::{Function, HttpEvent, Parts, Reply, Request, Settings};
use serde_json::Value;
use store::{Store, client, table};

use crate::busy_table::{BusyTable, Trouble};
use crate::livekit_server::{Behaviour, LiveKitServer};
use crate::round_trips::RoundTrips;
use crate::table_network;
use crate::values;

/// Longer than any busy machine takes, milliseconds.
const PATIENCE_MS: &str = "60000";

/// Name of the table.
const TABLE: &str = "ringdown";

/// A deployment of its own.
pub struct World {
    /// The table.
    pub store: Store,
    /// The LiveKit server.
    pub livekit: LiveKitServer,
    database: aws_sdk_dynamodb::Client,
    settings: Vec<(String, String)>,
    beats: AtomicU64,
}

impl World {
    /// With the sample number and agent, one container for ten calls, and LiveKit at work.
    pub async fn start() -> Self {
        Self::with_livekit(Behaviour::Works).await
    }

    /// The same with another LiveKit.
    ///
    /// # Panics
    /// When the emulator does not come up.
    pub async fn with_livekit(behaviour: Behaviour) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let memory = dynoxide::Database::memory().expect("a database");
        tokio::spawn(dynoxide::server::serve_on(listener, memory));
        let database = client::local(&url);
        table::create_table(&database, TABLE).await.expect("a table");
        Self::at(database, LiveKitServer::start(behaviour).await).await
    }

    /// In a database whose table exists and is empty.
    pub async fn at(database: aws_sdk_dynamodb::Client, livekit: LiveKitServer) -> Self {
        let settings = settings(&livekit.url);
        let world = Self {
            store: Store::new(database.clone(), TABLE),
            livekit,
            database,
            settings,
            beats: AtomicU64::new(0),
        };
        world.seed().await;
        world
    }

    /// The settings, as an environment.
    pub fn environment(&self) -> Vec<(String, String)> {
        self.settings.clone()
    }

    /// With another value of a setting.
    #[must_use]
    pub fn set(mut self, variable: &str, value: &str) -> Self {
        self.settings.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// With a table that cannot be reached.
    #[must_use]
    pub fn without_table(mut self) -> Self {
        self.database = client::local("http://127.0.0.1:9");
        self
    }

    /// With a table that is in trouble whenever one of `operations` is asked of it.
    #[must_use]
    pub fn in_trouble(mut self, operations: &'static [&'static str], trouble: Trouble) -> Self {
        self.database = table_network::behind(&self.database, BusyTable { operations, trouble });
        self
    }

    /// With a count of the table's round trips.
    #[must_use]
    pub fn counting(mut self) -> (Self, RoundTrips) {
        let count = RoundTrips::default();
        self.database = table_network::behind(&self.database, count.clone());
        (self, count)
    }

    /// Removes the sample agent behind the number's back: a table that was restored, or changed by hand.
    ///
    /// # Panics
    /// When the table does not do it.
    pub async fn loses_its_agent(&self) {
        let key = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
        let item = format!("AGENT#{}", job().agent_id);
        let request = self.database.delete_item().table_name(TABLE);
        request.key("pk", key(&item)).key("sk", key("CONFIG")).send().await.expect("removed");
    }

    /// The function under test.
    ///
    /// # Panics
    /// When a setting is wrong.
    pub fn function<F: Function>(&self) -> F {
        let settings = Settings::new(self.settings.clone());
        F::build(&Parts { settings, dynamodb: self.database.clone() }).expect("settings")
    }

    /// Sends an event to a function at [`values::NOW_S`].
    pub async fn send<F: Function>(&self, function: &F, event: &Value) -> Reply {
        let event: HttpEvent = serde_json::from_value(event.clone()).expect("an event");
        match Request::from_event(event) {
            Ok(request) => function.handle(request, now()).await,
            Err(refusal) => refusal,
        }
    }

    /// Changes the sample number.
    ///
    /// # Panics
    /// When the change is against the rules.
    pub async fn number(&self, change: impl FnOnce(&mut NumberConfig)) {
        let mut number = self.store.number(&number()).await.expect("stored").expect("the sample number");
        change(&mut number);
        number.validate().expect("a valid number");
        self.store.put_number(number).await.expect("stored");
    }

    /// A sign of life of a container.
    pub async fn beats(&self, capacity: u32) {
        self.beats_from(capacity, None).await;
    }

    /// The same of one to whom calls can be announced.
    ///
    /// # Panics
    /// Never: the sample's names are good.
    pub async fn beats_seated(&self, capacity: u32) {
        let worker = WorkerId::new("worker-1").expect("an id");
        self.beats_from(capacity, Some(Seat::of(&worker, "ringdown").expect("a seat"))).await;
    }

    async fn beats_from(&self, capacity: u32, seat: Option<Seat>) {
        let beat = Heartbeat {
            worker: WorkerId::new("worker-1").expect("an id"),
            version: "sample".to_owned(),
            capacity,
            active: 0,
            seat,
            // Only a later beat counts.
            at: now().plus_millis(self.beats.fetch_add(1, Ordering::Relaxed)),
        };
        self.apply(vec![Write::PutHeartbeat(beat)]).await;
    }

    /// Takes the sign of life back.
    pub async fn dies(&self) {
        let worker = WorkerId::new("worker-1").expect("an id");
        self.apply(vec![Write::RemoveHeartbeat { worker }]).await;
    }

    /// Opens the sample call as its webhook does, on its way to an agent.
    pub async fn open_call(&self) {
        let call = call();
        let voicemail = carrier::plan::Voicemail { greeting: "Leave a message.".to_owned(), max_s: 60 };
        let plan = carrier::Plan::Sip { job: job(), ring_s: 20, limit_s: 3600, voicemail };
        let arrival = Arrival {
            provider: Provider::Twilio,
            direction: Direction::Inbound,
            caller: Caller::parse(values::CALLER),
            number: Some(number()),
            agent: Some(job().agent_id),
            road: Road::Sip,
            turned_away: None,
        };
        self.apply(vec![
            Write::OpenCall { call: call.clone(), plan: plan.to_json() },
            Write::AddFact { call: call.clone(), fact: Fact::arrived(ago(60), arrival) },
            Write::TakeSlot { call, limit: 10 },
        ])
        .await;
    }

    /// Stores.
    ///
    /// # Panics
    /// When it cannot be stored.
    pub async fn apply(&self, writes: Vec<Write>) {
        let applied = self.store.apply(writes, now()).await.expect("stored");
        assert!(matches!(applied, store::Applied::Done(_)), "{applied:?}");
    }

    /// What the table knows of a call, and which facts it rests on; for snapshots.
    pub async fn shown(&self, call: &CallId) -> String {
        let Some(stored) = self.store.call(call, now()).await.expect("read") else {
            return format!("{call}: unknown\n");
        };
        let record = serde_json::to_value(&stored.record).expect("JSON");
        let facts: Vec<&str> = stored.facts.iter().map(|fact| fact.key.as_str()).collect();
        let mut text = format!("{call}: place={} facts={facts:?}\n", stored.has_slot);
        for (name, value) in record.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            text.push_str(&format!("  {name}: {value}\n"));
        }
        text
    }

    async fn seed(&self) {
        let voice = domain::Voice::from_json(include_str!("voice.json")).expect("a voice");
        let agent = AgentConfig::from_json(include_str!("agent.json")).expect("an agent");
        let id = agent.id.clone();
        self.store.put_voice(voice).await.expect("stored");
        self.store.put_agent(agent).await.expect("stored");
        self.store.put_number(NumberConfig::new(number(), id)).await.expect("stored");
        self.beats(10).await;
    }
}

fn settings(livekit_url: &str) -> Vec<(String, String)> {
    let tokens = format!("{},{}", values::TWILIO_TOKEN, values::TWILIO_OLD_TOKEN);
    let api_tokens = format!("caller:{},supervisor:{}", values::CALLER_TOKEN, values::SUPERVISOR_TOKEN);
    [
        ("TABLE_NAME", TABLE),
        ("PUBLIC_BASE_URL", values::BASE_URL),
        ("LIVEKIT_URL", livekit_url),
        ("LIVEKIT_API_KEY", values::LIVEKIT_KEY),
        ("LIVEKIT_API_SECRET", values::LIVEKIT_SECRET),
        ("SIP_HOST", "sample.sip.livekit.cloud"),
        ("SIP_USERNAME", "sample-sip-user"),
        ("SIP_PASSWORD", values::SIP_PASSWORD),
        ("TWILIO_ACCOUNT_SID", values::TWILIO_ACCOUNT),
        ("TWILIO_AUTH_TOKENS", &tokens),
        ("TWILIO_API_BASE_URL", "http://127.0.0.1:9"),
        ("TELNYX_PUBLIC_KEY", values::TELNYX_PUBLIC_KEY),
        ("SIGNALWIRE_SIGNING_KEYS", values::SIGNALWIRE_KEY),
        ("API_TOKENS", &api_tokens),
        ("MEDIA_STREAM_URL", "wss://media.ringdown.test/media-stream"),
        ("TABLE_DEADLINE_MS", PATIENCE_MS),
        ("LIVEKIT_DEADLINE_MS", PATIENCE_MS),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// When the sample events were sent.
pub fn now() -> WallTime {
    WallTime::from_secs(values::NOW_S)
}

/// So many seconds before.
pub fn ago(seconds: u64) -> WallTime {
    WallTime::from_secs(values::NOW_S - seconds)
}

/// The sample call.
pub fn call() -> CallId {
    CallId::new(values::CALL).expect("an id")
}

/// The sample number.
pub fn number() -> E164 {
    E164::new(values::NUMBER).expect("a number")
}

/// The job of the sample call.
pub fn job() -> JobMetadata {
    JobMetadata {
        call_id: call(),
        provider: Provider::Twilio,
        caller: Caller::parse(values::CALLER),
        number: number(),
        agent_id: domain::AgentId::new("reception").expect("an id"),
        headers: domain::SipHeaders::default(),
    }
}
