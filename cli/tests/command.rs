//! The command itself, against a table with calls in it.
#![allow(clippy::unwrap_used, reason = "tests stop where something is not as it must be")]

use std::path::PathBuf;
use std::process::{Command, Output};

use domain::{
    CallId, Caller, CarrierStatus, Direction, E164, Fact, Leg, LegStatus, Provider, Report, Road,
    VoicemailEvent, Write,
};
use samples::{CarrierAnswer, CarrierServer};
use serde_json::{Value, json};
use store::{Store, client, table};

/// A table of its own, and the file that describes it.
struct Desk {
    store: Store,
    stack: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Desk {
    async fn new(name: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
        let client = client::local(&url);
        table::create_table(&client, "ringdown").await.unwrap();
        let stack = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.json"));
        let description = json!({"dynamodb_url": url, "table": "ringdown", "number": "+15550100100"});
        std::fs::write(&stack, description.to_string()).unwrap();
        Self { store: Store::new(client, "ringdown"), stack, environment: Vec::new() }
    }

    async fn seeded(name: &str) -> Self {
        let desk = Self::new(name).await;
        for (kind, id, file) in [
            ("voices", "amy", "voice-amy"),
            ("agents", "reception", "agent-reception"),
            ("numbers", "+15550100100", "number-15550100100"),
        ] {
            let file = format!("{}/../local/seed/{file}.json", env!("CARGO_MANIFEST_DIR"));
            assert_eq!(desk.json(&[kind, "set", id, &file]).await["version"], 1);
        }
        desk
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringdown"));
        command.arg("--local").arg("--stack").arg(&self.stack).args(arguments).env_remove("TABLE_NAME");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        // The emulator answers on this test's runtime.
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// Runs with `--json` and expects success.
    async fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[&["--json"], arguments].concat()).await;
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{arguments:?}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Runs with `--json`, expects a failure and gives its text and field.
    async fn refused(&self, arguments: &[&str]) -> (String, Option<String>) {
        let output = self.run(&[&["--json"], arguments].concat()).await;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let failure: Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = |name: &str| failure[name].as_str().map(str::to_owned);
        (text("error").unwrap(), text("field"))
    }

    /// Runs for people and gives standard output.
    async fn text(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.run(arguments).await.stdout).unwrap()
    }
}

#[tokio::test]
async fn configurations_are_set_shown_listed_and_removed() {
    let desk = Desk::seeded("configurations").await;
    let agent = desk.json(&["agents", "show", "reception"]).await;
    assert_eq!(agent["voice"], "amy");
    assert_eq!(agent["vendors"]["stt"], json!([{"vendor": "deepgram", "model": "nova-3"}]));

    let changed = ["agents", "set", "reception", "greeting=Good evening.", "limits.max_duration_s=600"];
    let agent = desk.json(&changed).await;
    assert_eq!((&agent["greeting"], &agent["version"]), (&json!("Good evening."), &json!(2)));
    assert_eq!(
        desk.store.agent(&"reception".parse().unwrap()).await.unwrap().unwrap().limits.max_duration_s,
        600
    );

    let split = r#"roads=[{"road":"legacy","percent":10},{"road":"sip","percent":90}]"#;
    let set = ["numbers", "set", "+15550100100", split, "legacy_sip_uri=sip:old@pbx.example"];
    assert_eq!(desk.json(&set).await["roads"][0]["percent"], 10);
    let list = desk.json(&["numbers", "list"]).await;
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["number"], "+15550100100");

    let text = desk.text(&["numbers", "list"]).await;
    assert!(text.starts_with("NUMBER"), "{text}");
    assert!(text.contains("+15550100100  reception"), "{text}");
    let text = desk.text(&["voices", "show", "amy"]).await;
    assert!(text.contains("vendor_voice_id"), "{text}");

    assert_eq!(desk.json(&["users", "set", "ann", "name=Ann"]).await["name"], "Ann");
    assert_eq!(desk.json(&["users", "remove", "ann"]).await["removed"], "ann");
    assert_eq!(desk.json(&["users", "list"]).await, json!([]));
}

#[tokio::test]
async fn a_refusal_names_the_field() {
    let desk = Desk::seeded("refusals").await;
    let check = async |arguments: &[&str], field: Option<&str>, word: &str| {
        let (text, found) = desk.refused(arguments).await;
        assert_eq!(found.as_deref(), field, "{arguments:?}: {text}");
        assert!(text.contains(word), "{arguments:?}: {text}");
    };
    check(&["agents", "set", "reception", "limits.max_duration_s=5"], Some("limits.max_duration_s"), "10 to")
        .await;
    check(
        &["agents", "set", "reception", "limits.max_duration_s=long"],
        Some("limits.max_duration_s"),
        "u32",
    )
    .await;
    let turns = Some("turns.vad_activation");
    check(&["agents", "set", "reception", "turns.vad_activation=7"], turns, "0 to 1").await;
    let other = r#"vendors.tts=[{"vendor":"elevenlabs","model":"m"},{"vendor":"openai","model":"m"}]"#;
    let voice = Some("vendors.tts[1].options.voice");
    check(&["agents", "set", "reception", other], voice, "is needed").await;
    let zone = "time_zone=Mars/Olympus_Mons";
    check(&["agents", "set", "reception", zone], Some("time_zone"), "no time zone").await;
    let greeting = Some("greeting");
    check(&["agents", "set", "reception", "greeting=Hello {{ name }}"], greeting, "unknown variable").await;
    check(&["agents", "set", "reception", "greeting=Hello {{ caller"], greeting, "end of").await;
    let option = "vendors.stt[0].options.endpointing_ms";
    check(&["agents", "set", "reception", &format!("{option}=soon")], Some(option), "whole number").await;
    check(&["agents", "set", "reception", "colour=red"], Some("colour"), "unknown field").await;
    check(&["agents", "set", "reception", "voice=bob"], Some("voice"), "nothing that exists").await;
    check(&["agents", "set", "reception", "prompt=null"], Some("prompt"), "missing").await;
    check(&["agents", "set", "second", "prompt=x"], Some("greeting"), "missing").await;
    check(&["numbers", "set", "+15550100100", "use_livekit=false"], Some("legacy_sip_uri"), "needed").await;
    check(&["numbers", "set", "+15550100100", "number=+15550100101"], Some("number"), "command line").await;
    check(&["numbers", "set", "5550100", "agent=reception"], Some("number"), "E.164").await;
    check(&["voices", "set", "amy", "stability=2"], Some("stability"), "0 to 1").await;
    check(&["voices", "set", "amy", "vendor=elevenlab"], Some("vendor"), "one of elevenlabs").await;
    check(&["voices", "set", "amy", "version=7", "speed=1"], None, "changed by somebody else").await;
    check(&["voices", "remove", "amy"], None, "used by agent reception").await;
    check(&["agents", "remove", "nobody"], None, "does not exist").await;
    check(&["agents", "show", "nobody"], None, "agent nobody does not exist").await;
    check(&["agents", "set", "reception", "/nowhere/agent.json"], None, "/nowhere/agent.json").await;
    check(&["calls", "show", "CA404"], None, "call CA404 does not exist").await;
}

fn now() -> domain::WallTime {
    let since_1970 = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    domain::WallTime::from_millis(u64::try_from(since_1970).unwrap())
}

fn arrival() -> domain::Arrival {
    domain::Arrival {
        provider: Provider::Twilio,
        direction: Direction::Inbound,
        caller: Caller::parse("+15550100123"),
        number: Some(E164::new("+15550100100").unwrap()),
        agent: Some("reception".parse().unwrap()),
        road: Road::Sip,
        turned_away: None,
    }
}

#[tokio::test]
async fn a_call_is_listed_and_shown_with_its_stable_names() {
    let desk = Desk::seeded("calls").await;
    let now = now();
    let begun = now.minus_secs(100);
    let id = CallId::new("CA0123456789abcdef0123456789abcdef").unwrap();
    let (leg, status, sequence) = (Leg::Parent, CarrierStatus::Completed, Some(2));
    let ended = LegStatus { leg, status, sequence, duration_s: Some(37), sip_code: None };
    let job: domain::JobId = "AJ_1".parse().unwrap();
    let add = |fact| Write::AddFact { call: id.clone(), fact };
    let writes = vec![
        Write::OpenCall { call: id.clone(), plan: "{}".to_owned() },
        add(Fact::arrived(begun, arrival())),
        add(Fact::agent(begun.plus_secs(2), job.clone(), Report::CallerActive)),
        add(Fact::agent(begun.plus_secs(39), job, Report::Summary { json: r#"{"turns": 3}"#.to_owned() })),
    ];
    desk.store.apply(writes, now).await.unwrap();
    let open = desk.json(&["calls", "list", "--open"]).await;
    assert_eq!((&open[0]["state"], &open[0]["end_reason"]), (&json!("active"), &Value::Null));
    desk.store
        .apply(vec![add(Fact::status(begun.plus_secs(40), Provider::Twilio, ended))], now)
        .await
        .unwrap();

    assert_eq!(desk.json(&["calls", "list", "--open"]).await, json!([]));
    assert_eq!(desk.json(&["calls", "list", "--since", "10s"]).await, json!([]));
    let list = desk.json(&["calls", "list"]).await;
    assert_eq!(list[0]["call_id"], id.as_str());
    let mut call = desk.json(&["calls", "show", id.as_str()]).await;
    let events = call["events"].take();
    let kinds: Vec<_> =
        events.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["arrived", "agent", "agent", "status"]);
    assert_eq!((&events[3]["source"], &events[3]["status"]), (&json!("twilio"), &json!("completed")));
    let expected = json!({
        "call_id": id, "state": "ended", "end_reason": "caller_hangup", "fault": "nobody",
        "retell_reason": "user_hangup", "provider": "twilio", "direction": "inbound", "road": "sip",
        "caller": "+15550100123", "caller_kind": "number", "number": "+15550100100", "agent_id": "reception",
        "opened_at": begun.to_string(), "ringing_at": begun.to_string(),
        "answered_at": begun.plus_secs(2).to_string(), "ended_at": begun.plus_secs(40).to_string(),
        "duration_s": 37, "recording": null, "contradicted": false, "has_slot": false,
        "summary": {"turns": 3}, "events": null, "sessions": [],
    });
    assert_eq!(call, expected);
    assert!(desk.text(&["calls", "show", id.as_str()]).await.contains("caller_hangup"));
}

#[tokio::test]
async fn without_a_table_it_says_what_to_do() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringdown"));
    command.args(["numbers", "list"]).current_dir("/").env_remove("TABLE_NAME").env_remove("RINGDOWN_STACK");
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("cargo xtask up") && text.contains("TABLE_NAME"), "{text}");
}

/// The id of the message left, as its carrier spells ids.
fn recording(provider: Provider) -> &'static str {
    match provider {
        Provider::Twilio => "RE00000000000000000000000000000001",
        _ => "35094891-3290-4142-b2c2-b2eda57534cf",
    }
}

/// A desk with a call whose caller left a message, at a carrier that answers so.
async fn with_message(provider: Provider, answers: Vec<CarrierAnswer>) -> (Desk, CarrierServer) {
    let mut desk = Desk::new(&format!("message-{}-{}", provider.as_str(), answers.len())).await;
    let carrier = CarrierServer::start(answers).await;
    desk.environment = vec![
        ("TWILIO_ACCOUNT_SID", "AC1".to_owned()),
        ("TWILIO_AUTH_TOKENS", "new,old".to_owned()),
        ("TWILIO_API_BASE_URL", carrier.url.clone()),
        ("TELNYX_ACCOUNT_SID", "f5".to_owned()),
        ("TELNYX_API_KEY", "KEY1".to_owned()),
        ("TELNYX_API_BASE_URL", format!("{}/v2", carrier.url)),
        ("SIGNALWIRE_PROJECT_ID", "p1".to_owned()),
        ("SIGNALWIRE_API_TOKEN", "PT1".to_owned()),
        ("SIGNALWIRE_API_BASE_URL", format!("{}/api/laml", carrier.url)),
    ];
    let call: CallId = "CA1".parse().unwrap();
    let recording = Some(recording(provider).to_owned());
    let left = VoicemailEvent { recording, duration_s: Some(7), again: false };
    let now = now();
    let arrival = domain::Arrival { provider, ..arrival() };
    let facts = [Fact::voicemail(now, provider, 0, left), Fact::arrived(now, arrival)];
    let writes = facts.map(|fact| Write::AddFact { call: call.clone(), fact });
    desk.store.apply(writes.into(), now).await.unwrap();
    (desk, carrier)
}

/// Fetches a call's message and has it deleted; what the carrier was asked.
async fn fetch(provider: Provider, answers: Vec<CarrierAnswer>, asked: &[String]) {
    let (desk, carrier) = with_message(provider, answers).await;
    let file = format!("{}/message-{}.wav", env!("CARGO_TARGET_TMPDIR"), provider.as_str());
    let told = desk.json(&["calls", "message", "CA1", "--out", &file, "--delete"]).await;
    assert_eq!(
        (&told["recording"], &told["bytes"], &told["deleted"]),
        (&json!(recording(provider)), &json!(10), &json!(true))
    );
    assert_eq!(std::fs::read(&file).unwrap(), b"RIFF sound");
    let requests = carrier.asked();
    let requests: Vec<String> =
        requests.iter().map(|request| format!("{} {}", request.method, request.path)).collect();
    assert_eq!(requests, asked);
}

#[tokio::test]
async fn a_message_is_fetched_by_its_call_at_its_carrier() {
    let (sound, gone) = (|| CarrierAnswer::says(200, "RIFF sound"), || CarrierAnswer::says(204, ""));
    let path = "/2010-04-01/Accounts/AC1/Recordings/RE00000000000000000000000000000001";
    let asked = [format!("GET {path}"), format!("DELETE {path}.json")];
    fetch(Provider::Twilio, vec![sound(), gone()], &asked).await;
    let path = "/v2/texml/Accounts/f5/Recordings/35094891-3290-4142-b2c2-b2eda57534cf.json";
    let asked = [format!("GET {path}"), "GET /media/1.wav".to_owned(), format!("DELETE {path}")];
    let link = CarrierAnswer::Links("/media/1.wav");
    fetch(Provider::Telnyx, vec![link, sound(), gone()], &asked).await;
    let path = "/api/laml/2010-04-01/Accounts/p1/Recordings/35094891-3290-4142-b2c2-b2eda57534cf";
    let asked = [format!("GET {path}"), format!("DELETE {path}.json")];
    fetch(Provider::SignalWire, vec![sound(), gone()], &asked).await;
}

#[tokio::test]
async fn a_message_that_cannot_be_had_is_said_so() {
    let (mut desk, _carrier) = with_message(Provider::Twilio, vec![CarrierAnswer::says(401, "")]).await;
    let (error, _) = desk.refused(&["calls", "message", "CA1"]).await;
    assert_eq!(error, "the carrier refuses our credentials");
    desk.environment.clear();
    let (error, _) = desk.refused(&["calls", "message", "CA1"]).await;
    assert_eq!(error, "the environment has no account at this call's carrier");
    let (error, _) = desk.refused(&["calls", "message", "CA2"]).await;
    assert_eq!(error, "call CA2 does not exist");
}
