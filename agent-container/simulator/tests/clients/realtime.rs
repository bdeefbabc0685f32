//! Speech to speech.

use serde_json::{Map, json};
use simulator::Simulator;
use speech::{
    Fault, FaultKind, Outcome, RealtimeConfig, RealtimeEvent, RealtimeSocket, Tool, ToolChoice,
    TurnDetection, Vendor,
};

use crate::speaking::spoken;
use crate::wire::Socket;
use crate::{LINES, endpoint, loud, plain, start};

fn session(simulator: &Simulator, settings: &str) -> RealtimeSocket {
    let schema = json!({"type": "object"});
    RealtimeSocket::new(RealtimeConfig {
        endpoint: endpoint(simulator, Vendor::OpenAi, settings),
        model: "any".into(),
        voice: "amy".into(),
        instructions: "Be brief.".into(),
        tools: vec![Tool { name: "find_table".into(), description: "Finds.".into(), parameters: schema }],
        tool_choice: ToolChoice::Auto,
        transcription_model: Some("any".into()),
        language: Some("en".into()),
        turns: TurnDetection::Server {
            threshold: 0.7,
            prefix_padding_ms: 300,
            silence_ms: 400,
            idle_timeout_ms: None,
        },
        max_output_tokens: None,
        history: Vec::new(),
        extra: Map::new(),
    })
}

struct Call {
    session: RealtimeSocket,
    wire: Socket,
}

impl Call {
    async fn begin(simulator: &Simulator, settings: &str) -> Self {
        let session = session(simulator, settings);
        let wire = Socket::connect(Vendor::OpenAi, session.connect()).await.unwrap();
        let mut call = Self { session, wire };
        call.until(|event| matches!(event, RealtimeEvent::Ready { .. })).await;
        call
    }

    /// Events up to the first that `is_last`.
    async fn until(&mut self, is_last: impl Fn(&RealtimeEvent) -> bool) -> Vec<RealtimeEvent> {
        let mut events = Vec::new();
        while !events.last().is_some_and(&is_last) {
            self.flush().await;
            for event in self.session.decode(self.wire.receive().await).unwrap() {
                events.push(event);
                if events.last().is_some_and(&is_last) {
                    break;
                }
            }
        }
        self.flush().await;
        events
    }

    async fn flush(&mut self) {
        while let Some(message) = self.session.poll_send() {
            self.wire.send([message]).await;
        }
    }

    /// The line, at the session's rate, with a second of silence behind it.
    async fn say(&mut self, simulator: &Simulator, line: &str) {
        self.speak(&[spoken(simulator, line).await, vec![0; 16_000]].concat()).await;
    }

    async fn speak(&mut self, narrow: &[i16]) {
        let wide: Vec<_> = (0..narrow.len() * 3 / 2).map(|n| narrow[n * 2 / 3]).collect();
        wide.chunks(480).for_each(|frame| self.session.audio(frame));
        self.flush().await;
    }
}

fn is_done(event: &RealtimeEvent) -> bool {
    matches!(event, RealtimeEvent::ResponseDone { .. })
}

#[tokio::test]
async fn a_turn_is_heard_and_answered() {
    let simulator = start().await;
    let mut call = Call::begin(&simulator, "").await;
    call.say(&simulator, LINES[0]).await;
    let turn = call.until(is_done).await;
    let heard = turn.iter().find_map(|event| match event {
        RealtimeEvent::CallerFinal(text) => Some(plain(text)),
        _ => None,
    });
    assert_eq!(heard, Some(plain(LINES[0])));
    let mut words = String::new();
    let mut audio = Vec::new();
    for event in &turn {
        match event {
            RealtimeEvent::Text { text, .. } => words.push_str(text),
            RealtimeEvent::Audio { samples, .. } => audio.extend_from_slice(samples),
            _ => {}
        }
    }
    assert_eq!(words, "With pleasure. For how many people, and at what time?");
    assert!(audio.len() > 24_000 && loud(&audio));
    assert!(call.session.idle());
}

#[tokio::test]
async fn a_barge_in_cancels_the_reply_and_truncates_what_was_heard() {
    let simulator = start().await;
    let mut call = Call::begin(&simulator, "rate=1").await;
    call.say(&simulator, LINES[0]).await;
    let begun = call.until(|event| matches!(event, RealtimeEvent::Audio { .. })).await;
    let Some(RealtimeEvent::Audio { item, .. }) = begun.last().cloned() else { panic!("{begun:?}") };
    let line = spoken(&simulator, LINES[1]).await;
    let (begin, rest) = line.split_at(line.len() / 2);
    call.speak(begin).await;
    call.until(|event| matches!(event, RealtimeEvent::SpeechStarted { .. })).await;
    call.session.interrupt(&item, 50);
    let over = call.until(is_done).await;
    assert!(
        over.contains(&RealtimeEvent::ResponseDone { outcome: Outcome::Cancelled, usage: None }),
        "{over:?}"
    );
    assert!(!over.iter().any(|event| matches!(event, RealtimeEvent::Audio { .. })), "late audio");
    call.speak(&[rest, &[0; 16_000]].concat()).await;
    let next = call.until(|event| matches!(event, RealtimeEvent::Audio { .. })).await;
    assert!(
        !next.iter().any(|event| matches!(event, RealtimeEvent::Audio { item: old, .. } if *old == item))
    );
    assert!(simulator.counters().violations.is_empty(), "{:?}", simulator.counters().violations);
}

#[tokio::test]
async fn a_tool_is_run_and_talked_about() {
    let simulator = start().await;
    let mut call = Call::begin(&simulator, "rate=100").await;
    call.session.remember(&speech::ChatMessage::User("Please find me one.".into()));
    call.session.respond(None);
    let asked = call.until(is_done).await;
    let tool = asked.iter().find_map(|event| match event {
        RealtimeEvent::ToolCall(tool) => Some(tool.clone()),
        _ => None,
    });
    let tool = tool.unwrap();
    assert_eq!((tool.name.as_str(), tool.arguments().unwrap()["people"].as_u64()), ("find_table", Some(4)));
    call.session.tool_result(&tool.id, "number 7");
    let told = call.until(is_done).await;
    let words: String = told
        .iter()
        .filter_map(|event| match event {
            RealtimeEvent::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(words, "I found number 7 for you.");
}

/// A session that is asked to speak until it fails.
async fn failing(simulator: &Simulator, settings: &str) -> Fault {
    let mut session = session(simulator, settings);
    let mut wire = match Socket::connect(Vendor::OpenAi, session.connect()).await {
        Ok(wire) => wire,
        Err(fault) => return fault,
    };
    loop {
        match session.decode(wire.receive().await) {
            Ok(_) => {
                while let Some(message) = session.poll_send() {
                    wire.send([message]).await;
                }
                session.respond(None);
            }
            Err(fault) => return fault,
        }
    }
}

#[tokio::test]
async fn a_session_that_fails_says_why() {
    let simulator = start().await;
    for (settings, expected) in [
        ("fault=unauthorized", FaultKind::Credentials),
        ("fault=rate_limited", FaultKind::RateLimited),
        ("fault=unavailable", FaultKind::Overloaded),
        ("fault=expired&after=2", FaultKind::Expired),
        ("fault=error&after=2", FaultKind::Disconnected),
        ("fault=disconnect&after=2", FaultKind::Disconnected),
        ("fault=oversize&after=2", FaultKind::Oversize),
    ] {
        assert_eq!(failing(&simulator, settings).await.kind, expected, "{settings}");
    }
}

#[tokio::test]
async fn nonsense_between_its_messages_is_passed_over() {
    let simulator = start().await;
    let mut call = Call::begin(&simulator, "rate=100&fault=garbage&after=4").await;
    call.session.respond(Some("Say exactly this: \"Hello.\""));
    let said = call.until(is_done).await;
    assert!(said.iter().any(|event| matches!(event, RealtimeEvent::Audio { .. })), "{said:?}");
    assert!(said.iter().filter(|event| matches!(event, RealtimeEvent::Ignored(_))).count() >= 6, "{said:?}");
}
