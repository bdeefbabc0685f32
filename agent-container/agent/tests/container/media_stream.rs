//! A call over a media stream: the carrier's messages in, the agent's voice out.

use crate::support::{World, WorldSetup};
use agent::media_stream::{MediaStreams, router};
use carrier::TicketKey;
use domain::EndReason;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

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
    let key = TicketKey::derive("secret");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let streams = MediaStreams::new(key, world.streams.clone());
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
