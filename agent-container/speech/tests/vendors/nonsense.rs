//! Whatever a vendor sends, decoding ends in events or a fault.

use proptest::prelude::*;
use speech::{
    ContextId, Fault, FaultKind, LlmConfig, LlmOptions, RealtimeConfig, RealtimeSocket, Stt, SttConfig,
    SttOptions, SttVendor, ToolChoice, Tts, TtsConfig, TtsVendor, TurnDetection, Vendor, VoiceSettings,
    WsMessage,
};

use crate::endpoint;

fn stt(vendor: SttVendor) -> Stt {
    Stt::new(SttConfig {
        vendor,
        endpoint: endpoint(),
        model: "m".into(),
        language: None,
        sample_rate: 16_000,
        options: SttOptions::default(),
    })
}

fn tts(vendor: TtsVendor) -> Tts {
    Tts::new(TtsConfig {
        vendor,
        endpoint: endpoint(),
        model: "m".into(),
        voice: "v".into(),
        language: None,
        sample_rate: 16_000,
        settings: VoiceSettings::default(),
        extra: Vec::new(),
    })
}

fn llm(vendor: Vendor) -> LlmConfig {
    LlmConfig { vendor, endpoint: endpoint(), model: "m".into(), options: LlmOptions::default() }
}

fn realtime() -> RealtimeSocket {
    RealtimeSocket::new(RealtimeConfig {
        endpoint: endpoint(),
        model: "m".into(),
        voice: "v".into(),
        instructions: String::new(),
        tools: Vec::new(),
        tool_choice: ToolChoice::Auto,
        transcription_model: None,
        language: None,
        turns: TurnDetection::Ours,
        max_output_tokens: None,
        history: Vec::new(),
        extra: serde_json::Map::new(),
    })
}

const STT: &[SttVendor] = &[SttVendor::Deepgram, SttVendor::DeepgramFlux, SttVendor::AssemblyAi];
const TTS: &[TtsVendor] = &[TtsVendor::ElevenLabs, TtsVendor::Deepgram];
const LLM: &[Vendor] = &[Vendor::OpenAi, Vendor::Groq, Vendor::Anthropic];

/// Feeds every socket the same messages; each goes on until its first fault.
fn feed(messages: &[WsMessage]) {
    for vendor in STT {
        let Stt::Socket(mut session) = stt(*vendor) else { continue };
        let _ = messages.iter().try_for_each(|message| session.decode(message.clone()).map(drop));
    }
    for vendor in TTS {
        let Tts::Socket(mut session) = tts(*vendor) else { continue };
        session.open(ContextId(1));
        let _ = messages.iter().try_for_each(|message| session.decode(message.clone()).map(drop));
    }
    let mut session = realtime();
    let _ = messages.iter().try_for_each(|message| session.decode(message.clone()).map(drop));
}

/// Fields of the vendors' messages.
const FIELDS: &[&str] = &[
    "type",
    "event",
    "start",
    "duration",
    "is_final",
    "channel",
    "alternatives",
    "transcript",
    "audio",
    "isFinal",
    "contextId",
    "alignment",
    "chars",
    "charStartTimesMs",
    "charDurationsMs",
    "words",
    "choices",
    "delta",
    "error",
    "tool_calls",
    "index",
    "function",
    "message",
    "content_block",
    "usage",
    "item",
    "response",
    "session",
    "turn_order",
    "end_of_turn",
    "sequence_id",
    "item_id",
    "call_id",
    "arguments",
    "name",
    "status",
    "text",
];
/// What stands in them.
const WORDS: &[&str] = &[
    "Results",
    "Metadata",
    "UtteranceEnd",
    "Error",
    "TurnInfo",
    "EndOfTurn",
    "Turn",
    "Begin",
    "s1",
    "error",
    "AQAC",
    "response.output_audio.delta",
    "response.done",
    "message_start",
    "content_block_delta",
    "\u{1F980}",
];

/// JSON with the vendors' words in it, so that some of it is nearly right.
fn nearly() -> impl Strategy<Value = String> {
    let (key, value) = (prop::sample::select(FIELDS), prop::sample::select(WORDS));
    let leaf = prop_oneof![
        value.prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<bool>().prop_map(serde_json::Value::from),
        Just(serde_json::Value::Null),
    ];
    let tree = leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|pairs| {
                serde_json::Value::Object(
                    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
                )
            }),
        ]
    });
    (tree, any::<prop::sample::Index>(), any::<bool>()).prop_map(|(tree, cut, whole)| {
        let text = tree.to_string();
        let chars: Vec<char> = text.chars().collect();
        if whole { text } else { chars[..cut.index(chars.len() + 1)].iter().collect() }
    })
}

proptest! {
    #[test]
    fn sockets_survive_messages_that_are_nearly_right(texts in prop::collection::vec(nearly(), 1..12)) {
        feed(&texts.into_iter().map(WsMessage::Text).collect::<Vec<_>>());
    }

    #[test]
    fn sockets_survive_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), code in any::<u16>()) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        feed(&[WsMessage::Binary(bytes), WsMessage::Text(text.clone()), WsMessage::Close { code, reason: text }]);
    }

    #[test]
    fn replies_survive_any_bytes_and_cuts(texts in prop::collection::vec(nearly(), 1..8), bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        for vendor in LLM {
            let mut stream = llm(*vendor).stream();
            let done = texts.iter().try_for_each(|text| {
                stream.push(format!("event: {text}\ndata: {text}\n\n").as_bytes()).map(drop)
            });
            let _ = done.and_then(|()| stream.push(&bytes).map(drop)).and_then(|()| stream.end().map(drop));
        }
    }
}

/// Nine unreadable messages in a row: eight are passed over.
fn gives_up(mut decode: impl FnMut(WsMessage) -> Result<(), Fault>, name: &str) {
    let nonsense = || WsMessage::Text("{\"type\":\"Resul".into());
    let passed_over = (0..20).map_while(|_| decode(nonsense()).ok()).count();
    assert_eq!(passed_over, 8, "{name}");
    assert_eq!(decode(nonsense()).unwrap_err().kind, FaultKind::Malformed, "{name}");
}

#[test]
fn a_session_of_nonsense_is_given_up_after_a_while() {
    for vendor in STT {
        let Stt::Socket(mut session) = stt(*vendor) else { continue };
        gives_up(|message| session.decode(message).map(drop), &format!("{vendor:?}"));
    }
    for vendor in TTS {
        let Tts::Socket(mut session) = tts(*vendor) else { continue };
        gives_up(|message| session.decode(message).map(drop), &format!("{vendor:?}"));
    }
    let mut session = realtime();
    gives_up(|message| session.decode(message).map(drop), "realtime");
}

#[test]
fn a_reply_that_cannot_be_read_is_given_up_at_once() {
    for vendor in LLM {
        let kind = |bytes: &[u8]| llm(*vendor).stream().push(bytes).map(drop).unwrap_err().kind;
        assert_eq!(kind(b"data: {\"id\":\xff\n\n"), FaultKind::Malformed, "{vendor:?}: not UTF-8");
        assert_eq!(kind(b"data: [1]\n\n"), FaultKind::Malformed, "{vendor:?}: no object");
        assert_eq!(kind(&vec![b'x'; 5 << 20]), FaultKind::Oversize, "{vendor:?}");
    }
}

#[test]
fn an_oversized_message_ends_the_session_unread() {
    for huge in [WsMessage::Text("x".repeat(17 << 20)), WsMessage::Binary(vec![0; 17 << 20])] {
        let check = |decoded: Result<(), Fault>, name: &str| {
            assert_eq!(decoded.unwrap_err().kind, FaultKind::Oversize, "{name}");
        };
        for vendor in STT {
            let Stt::Socket(mut session) = stt(*vendor) else { continue };
            check(session.decode(huge.clone()).map(drop), &format!("{vendor:?}"));
        }
        for vendor in TTS {
            let Tts::Socket(mut session) = tts(*vendor) else { continue };
            check(session.decode(huge.clone()).map(drop), &format!("{vendor:?}"));
        }
        check(realtime().decode(huge.clone()).map(drop), "realtime");
    }
}
