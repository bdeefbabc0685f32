//! A call over a media stream: the carrier's messages in, the agent's voice out.

use std::time::Duration;

use crate::support::{World, WorldSetup};
use agent::media_stream::{MediaStreams, StreamSignature, router};
use carrier::TicketKey;
use carrier::signature::sign_twilio;
use domain::EndReason;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Epoch seconds far from now.
const LATER_S: u64 = 4_000_000_000;

fn start(call: &str, token: &str) -> Message {
    let job = json!({
        "call_id": call,
        "provider": "twilio",
        "caller": {"kind": "number", "value": "+15550100123"},
        "number": "+15550100100",
        "agent_id": "reception",
    });
    let start = json!({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": {
        "accountSid": "AC1", "streamSid": "MZ1", "callSid": call, "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"token": token, "job": job.to_string()},
    }});
    Message::text(start.to_string())
}

async fn serve(world: &World) -> String {
    serve_with(world, None, Duration::from_secs(60)).await
}

async fn serve_signed(world: &World, signature: Option<StreamSignature>) -> String {
    serve_with(world, signature, Duration::from_secs(60)).await
}

/// Serves streams that have to begin within this time.
async fn serve_with(world: &World, signature: Option<StreamSignature>, admitted_within: Duration) -> String {
    let key = TicketKey::derive("secret");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let streams = MediaStreams::new(key, world.streams.clone(), signature).admitted_within(admitted_within);
    tokio::spawn(axum::serve(listener, router(streams)).into_future());
    format!("ws://{address}/media-stream")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_with_a_good_ticket_is_greeted_and_its_record_closes() {
    let world = World::start(WorldSetup::default()).await;
    let url = serve(&world).await;
    let ticket = TicketKey::derive("secret").media_stream("CA11", LATER_S);
    let (mut socket, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
    socket.send(Message::text(r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#)).await.unwrap();
    socket.send(start("CA11", &ticket)).await.unwrap();
    let mut media = 0;
    while media < 50 {
        let Some(Ok(Message::Text(text))) = socket.next().await else {
            panic!("closed after {media} frames")
        };
        let message: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(message["streamSid"], "MZ1");
        match message["event"].as_str() {
            Some("media") => media += 1,
            // Played at once.
            Some("mark") => socket.send(Message::text(text.as_str())).await.unwrap(),
            other => panic!("{other:?}"),
        }
    }
    let stop = json!({"event": "stop", "streamSid": "MZ1", "stop": {"accountSid": "AC1", "callSid": "CA11"}});
    socket.send(Message::text(stop.to_string())).await.unwrap();
    assert_eq!(world.memory.ended("CA11").await, EndReason::CallerHangup);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_is_forged_or_used_opens_nothing() {
    let world = World::start(WorldSetup::default()).await;
    let url = serve(&world).await;
    let good = TicketKey::derive("secret").media_stream("CA12", LATER_S);
    let (mut first, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
    first.send(start("CA12", &good)).await.unwrap();
    assert!(matches!(first.next().await, Some(Ok(Message::Text(_)))), "the first use is served");
    let of_another = TicketKey::derive("other").media_stream("CA12", LATER_S);
    for ticket in [good.as_str(), of_another.as_str(), ""] {
        let (mut socket, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
        socket.send(start("CA12", ticket)).await.unwrap();
        let Some(Ok(Message::Close(Some(frame)))) = socket.next().await else {
            panic!("not closed: {ticket}")
        };
        assert_eq!(frame.code, CloseCode::Policy);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_the_carrier_did_not_sign_is_refused() {
    const PUBLIC: &str = "wss://media.ringdown.test/media-stream";
    let world = World::start(WorldSetup::default()).await;
    let tokens = domain::Secret::new(vec!["new".to_owned(), "old".to_owned()]);
    let url = serve_signed(&world, Some(StreamSignature { url: PUBLIC.into(), tokens })).await;
    let check = async |signed_url: &str, token: Option<&str>, status: u16| {
        let mut request = url.as_str().into_client_request().unwrap();
        if let Some(token) = token {
            let signature = sign_twilio(token, signed_url, &carrier::Form::default());
            request.headers_mut().insert("x-twilio-signature", signature.parse().unwrap());
        }
        let answered = match tokio_tungstenite::connect_async(request).await {
            Ok((_, response)) => response.status(),
            Err(Error::Http(response)) => response.status(),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(answered.as_u16(), status, "{signed_url} {token:?}");
    };
    check(PUBLIC, Some("new"), 101).await;
    check(PUBLIC, Some("old"), 101).await;
    check("wss://media.ringdown.test/media-stream/", Some("new"), 101).await;
    check(PUBLIC, Some("stolen"), 403).await;
    check("wss://elsewhere.test/media-stream", Some("new"), 403).await;
    check(PUBLIC, None, 403).await;
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn open(url: &str, messages: Vec<Message>) -> Socket {
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.expect("the endpoint is there");
    for message in messages {
        socket.send(message).await.expect("it is open");
    }
    socket
}

/// Opens a stream with these messages: it must be closed for a broken rule before anything is said.
async fn check_refused(url: &str, what: &str, messages: Vec<Message>) {
    let mut socket = open(url, messages).await;
    let Some(Ok(Message::Close(Some(frame)))) = socket.next().await else { panic!("not closed: {what}") };
    assert_eq!(frame.code, CloseCode::Policy, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_does_not_begin_as_it_should_is_closed() {
    let world = World::start(WorldSetup::default()).await;
    let url = serve(&world).await;
    let key = TicketKey::derive("secret");
    let media = Message::text(r#"{"event":"media","media":{"track":"inbound","payload":"/w=="}}"#);
    let of_another_call = start("CA15", &key.media_stream("CA14", LATER_S));
    let job_of_another = start("CA14", &key.media_stream("CA14", LATER_S))
        .to_text()
        .unwrap()
        .replace(r#"\"call_id\":\"CA14\""#, r#"\"call_id\":\"CA15\""#);
    check_refused(&url, "expired", vec![start("CA13", &key.media_stream("CA13", 1))]).await;
    check_refused(&url, "media first", vec![media, start("CA13", "")]).await;
    check_refused(&url, "another call's ticket", vec![of_another_call]).await;
    check_refused(&url, "another call's job", vec![Message::text(job_of_another)]).await;
    let unlike = start("CA16", &key.media_stream("CA16", LATER_S)).to_text().unwrap().replace("mulaw", "l16");
    check_refused(&url, "another format", vec![Message::text(unlike)]).await;
    let nonsense = vec![Message::text("{"); 20];
    check_refused(&url, "nonsense", nonsense).await;
    let hasty = serve_with(&world, None, Duration::from_millis(50)).await;
    check_refused(&hasty, "no start at all", Vec::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_no_text_are_passed_over_and_those_too_long_end_the_stream() {
    let world = World::start(WorldSetup::default()).await;
    let url = serve(&world).await;
    let ticket = TicketKey::derive("secret").media_stream("CA17", LATER_S);
    let mut socket = open(&url, vec![Message::binary(vec![0; 320]), start("CA17", &ticket)]).await;
    assert!(matches!(socket.next().await, Some(Ok(Message::Text(_)))), "served in spite of a binary frame");
    // The far end may be gone before all of it is sent.
    let _ = socket.send(Message::text("x".repeat(1 << 20))).await;
    assert_eq!(world.memory.ended("CA17").await, EndReason::LiveKitLost);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_is_dropped_ends_its_call() {
    let world = World::start(WorldSetup::default()).await;
    let url = serve(&world).await;
    let ticket = TicketKey::derive("secret").media_stream("CA18", LATER_S);
    let mut socket = open(&url, vec![start("CA18", &ticket)]).await;
    assert!(matches!(socket.next().await, Some(Ok(Message::Text(_)))));
    drop(socket);
    assert_eq!(world.memory.ended("CA18").await, EndReason::LiveKitLost);
}
