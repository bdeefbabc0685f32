use super::*;

const START: &str = r#"{"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{"accountSid":"AC1",
    "streamSid":"MZ1","callSid":"CA1","tracks":["inbound"],"customParameters":{"token":"t"},
    "mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}"#;

fn media(payload: &[u8]) -> String {
    let payload = STANDARD.encode(payload);
    json!({"event": "media", "streamSid": "MZ1", "media": {"track": "inbound", "payload": payload}})
        .to_string()
}

fn admitted() -> Session {
    let mut session = Session::new().unwrap();
    session.receive(r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#).unwrap();
    session.receive(START).unwrap();
    session.admit();
    session
}

#[test]
fn nothing_is_heard_before_the_token_was_checked() {
    let mut session = Session::new().unwrap();
    session.admit();
    assert!(!session.is_admitted(), "there is nothing to admit yet");
    assert_eq!(session.receive(&media(&[0xff; 160])), Ok(vec![]));
    let facts = session.receive(START).unwrap();
    let [Fact::Started(start)] = &facts[..] else { panic!("{facts:?}") };
    assert_eq!((start.call_sid.as_str(), start.custom_parameters["token"].as_str()), ("CA1", "t"));
    assert_eq!(session.receive(&media(&[0xff; 160])), Ok(vec![]));
    session.admit();
    assert!(session.is_admitted());
}

#[test]
fn chunks_of_any_size_become_whole_frames() {
    let mut session = admitted();
    let heard: usize = [160, 1, 319, 0, 160, 160]
        .map(|n| session.receive(&media(&vec![0x80; n])).unwrap().len())
        .iter()
        .sum();
    // 100 ms came; at most a block of 10 ms and part of a frame wait inside.
    assert_eq!(heard, 4);
}

#[test]
fn marks_tell_how_far_the_playback_has_come() {
    let mut session = admitted();
    let frame = [1000; line::FRAME_SAMPLES];
    let messages: Vec<String> = (0..5).flat_map(|_| session.speak(&frame)).collect();
    assert!(
        messages.iter().any(|m| m.contains("\"event\":\"media\"") && m.contains("\"streamSid\":\"MZ1\""))
    );
    assert_eq!(session.ahead(), 5);
    let mark =
        |n: u64| json!({"event": "mark", "streamSid": "MZ1", "mark": {"name": n.to_string()}}).to_string();
    assert_eq!(session.receive(&mark(3)), Ok(vec![Fact::Played { frames: 3 }]));
    assert_eq!(session.ahead(), 2);
    assert_eq!(session.receive(&mark(3)), Ok(vec![]), "a mark counts once");
    assert_eq!(session.receive(&mark(99)), Ok(vec![]), "and only if it was sent");
}

#[test]
fn keys_and_the_end_are_told() {
    let mut session = admitted();
    let dtmf = r#"{"event":"dtmf","streamSid":"MZ1","dtmf":{"track":"inbound_track","digit":"5"}}"#;
    assert_eq!(session.receive(dtmf), Ok(vec![Fact::Dtmf(Digit::from_char('5').unwrap())]));
    let stop = r#"{"event":"stop","streamSid":"MZ1","stop":{"accountSid":"AC1","callSid":"CA1"}}"#;
    assert_eq!(session.receive(stop), Ok(vec![Fact::Stopped]));
    assert_eq!(session.receive(stop), Ok(vec![]));
    assert_eq!(session.receive(&media(&[0; 160])), Ok(vec![]));
}

#[test]
fn what_cannot_be_served_is_refused_and_hiccups_are_endured() {
    let mut session = Session::new().unwrap();
    for (was, is) in
        [("8000", "\"16000\""), ("audio/x-mulaw", "audio/x-l16"), ("\"channels\":1", "\"channels\":2")]
    {
        assert_eq!(session.receive(&START.replace(was, is)), Err(Refusal::Format), "{is}");
    }
    assert_eq!(session.receive(&" ".repeat(LONGEST_MESSAGE + 1)), Err(Refusal::TooLong));
    assert_eq!(session.receive(r#"{"event":"weather"}"#), Ok(vec![]));
    for _ in 0..NONSENSE_IN_A_ROW {
        assert_eq!(session.receive("{"), Ok(vec![]));
    }
    assert_eq!(session.receive("{"), Err(Refusal::Nonsense));
}

#[test]
fn numbers_and_times_may_jump_repeat_and_go_back() {
    let sent = |sequence: &str, chunk: &str, timestamp: &str| {
        let payload = STANDARD.encode([0x80; 160]);
        let media = json!({"track": "inbound", "chunk": chunk, "timestamp": timestamp, "payload": payload});
        json!({"event": "media", "sequenceNumber": sequence, "streamSid": "MZ1", "media": media}).to_string()
    };
    let heard = |numbers: [(&str, &str, &str); 5]| -> usize {
        let mut session = admitted();
        numbers.map(|(n, chunk, at)| session.receive(&sent(n, chunk, at)).unwrap().len()).iter().sum()
    };
    let even = [("2", "1", "0"), ("3", "2", "20"), ("4", "3", "40"), ("5", "4", "60"), ("6", "5", "80")];
    let odd = [("2", "1", "0"), ("9", "8", "140"), ("9", "8", "140"), ("3", "2", "20"), ("-", "", "x")];
    assert_eq!(heard(even), heard(odd));
}

#[test]
fn audio_that_is_no_base64_is_passed_over() {
    let mut session = admitted();
    let broken = media(&[0x80; 160]).replace("gICA", "****");
    for _ in 0..NONSENSE_IN_A_ROW {
        assert_eq!(session.receive(&broken), Ok(vec![]));
        assert!(session.receive(&media(&[0x80; 160])).is_ok(), "what is sound is heard");
    }
    assert_eq!(session.receive(&media(&[])), Ok(vec![]));
}

#[test]
fn a_second_start_is_still_the_same_stream() {
    let mut session = admitted();
    assert_eq!(session.receive(&START.replace("MZ1", "MZ2")), Ok(vec![]));
    assert!(session.is_admitted() && session.clear().contains("MZ1"));
}

#[test]
fn marks_may_be_unknown_or_cleared_and_are_never_too_many() {
    let mut session = admitted();
    let frame = [1000; line::FRAME_SAMPLES];
    let sent: Vec<String> = (0..200).flat_map(|_| session.speak(&frame)).collect();
    let mark = |name: &str| json!({"event": "mark", "mark": {"name": name}}).to_string();
    let marks: Vec<&String> = sent.iter().filter(|message| message.contains("\"mark\"")).collect();
    assert_eq!(marks.len(), MARKS_UNDER_WAY, "no more are under way at a time");
    for name in ["", "x", "-1", "99999999999999999999", "0"] {
        assert_eq!(session.receive(&mark(name)), Ok(vec![]), "{name}");
    }
    assert!(session.clear().contains("\"clear\""));
    let last = session.marks.back().copied().unwrap();
    assert_eq!(session.receive(&mark(&last.to_string())), Ok(vec![Fact::Played { frames: last }]));
    assert!(session.marks.is_empty(), "those before it are done too");
}

#[test]
fn every_key_is_told_and_others_are_not() {
    let mut session = admitted();
    let key = |digit: &str| json!({"event": "dtmf", "dtmf": {"digit": digit, "duration": 120}}).to_string();
    for digit in ["0", "9", "*", "#", "A", "D"] {
        let told = Digit::from_char(digit.chars().next().unwrap()).map(Fact::Dtmf);
        assert_eq!(session.receive(&key(digit)), Ok(vec![told.unwrap()]), "{digit}");
    }
    for odd in ["", "E", "x", "\u{1f600}"] {
        assert_eq!(session.receive(&key(odd)), Ok(vec![]), "{odd}");
    }
}
