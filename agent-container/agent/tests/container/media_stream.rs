//! A call over a media stream: the carrier's messages in, the agent's voice out.

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
    serve_signed(world, None).await
}

async fn serve_signed(world: &World, signature: Option<StreamSignature>) -> String {
    let key = TicketKey::derive("secret");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let streams = MediaStreams::new(key, world.streams.clone(), signature);
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
