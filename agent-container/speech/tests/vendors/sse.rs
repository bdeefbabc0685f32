//! Server-sent events, however the network cuts them.

use speech::{SseEvent, SseReader};

fn event(event: &str, data: &str) -> SseEvent {
    SseEvent { event: event.into(), data: data.into() }
}

/// The stream as one chunk and cut at every byte gives the same events.
fn check(stream: &[u8], expected: &[SseEvent]) {
    assert_eq!(SseReader::new().push(stream), expected);
    for cut in 0..=stream.len() {
        let mut reader = SseReader::new();
        let mut events = reader.push(&stream[..cut]);
        events.extend(reader.push(&stream[cut..]));
        assert_eq!(events, expected, "cut at {cut}");
    }
    let mut reader = SseReader::new();
    let events: Vec<_> = stream.iter().flat_map(|byte| reader.push(&[*byte])).collect();
    assert_eq!(events, expected, "byte by byte");
}

#[test]
fn events_survive_any_cut() {
    check(b"data: {\"a\":1}\n\ndata: [DONE]\n\n", &[event("", "{\"a\":1}"), event("", "[DONE]")]);
}

#[test]
fn characters_cut_in_two_stay_whole() {
    check("data: Zürich, 東京, 🦀\n\n".as_bytes(), &[event("", "Zürich, 東京, 🦀")]);
}

#[test]
fn carriage_returns_comments_and_names_are_understood() {
    check(
        b": PROCESSING\r\n\r\nevent: ping\r\ndata: {}\r\n\r\nid: 7\rretry: 9\rdata:x\r\r",
        &[event("ping", "{}"), event("", "x")],
    );
}

#[test]
fn lines_of_data_are_joined() {
    check(b"data: one\ndata: two\n\n", &[event("", "one\ntwo")]);
}

#[test]
fn an_unfinished_event_is_not_reported() {
    check(b"data: one\n\ndata: two\n", &[event("", "one")]);
}

#[test]
fn bytes_that_are_no_text_do_not_end_the_stream() {
    check(b"data: \xff\xfe\n\ndata: ok\n\n", &[event("", "\u{fffd}\u{fffd}"), event("", "ok")]);
}

#[test]
fn an_endless_event_is_noticed() {
    let mut reader = SseReader::new();
    for _ in 0..6 {
        assert!(reader.push(&vec![b'x'; 1 << 20]).is_empty());
    }
    assert!(reader.overflown());
}
