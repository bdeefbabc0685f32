//! A seat without audio: what the server sends arrives, what participants send does not.

use anyhow::{Context, Result};
use livekit_api::access_token::{AccessToken, VideoGrants};
use livekit_api::services::room::SendDataOptions;
use rtc::{Lobby, LobbyEvent, LobbyOptions};

use crate::proxy::Proxy;
use crate::stage::{SOON, Stage};

const TOPIC: &str = "lobby.test";

fn sit(stage: &Stage, url: String, identity: &'static str) -> Lobby {
    let (room, servers) = (stage.room.clone(), stage.servers);
    let token = move || {
        let grants = VideoGrants {
            room_join: true,
            room: room.clone(),
            hidden: true,
            can_publish: Some(false),
            ..VideoGrants::default()
        };
        let token = AccessToken::with_api_key(servers.api_key(), servers.api_secret());
        token.with_identity(identity).with_grants(grants).to_jwt().unwrap_or_default()
    };
    Lobby::sit(&stage.media, LobbyOptions { url, token: Box::new(token), topic: TOPIC.into() })
}

async fn next(lobby: &mut Lobby) -> Result<LobbyEvent> {
    tokio::time::timeout(SOON, lobby.events.recv()).await.context("in time")?.context("the lobby stays")
}

async fn send(stage: &Stage, to: &str, topic: &str, text: &str) -> Result<()> {
    let options = SendDataOptions {
        topic: Some(topic.into()),
        destination_identities: vec![to.into()],
        ..SendDataOptions::default()
    };
    Ok(stage.api().send_data(&stage.room, text.into(), options).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_messages_arrive_and_no_others() -> Result<()> {
    let stage = Stage::new().await?;
    let mut lobby = sit(&stage, stage.servers.livekit_url(), "seat-1");
    assert_eq!(next(&mut lobby).await?, LobbyEvent::Seated);
    let mut peer = stage.peer("somebody").await?;
    for round in 0..3 {
        peer.send_data("by a participant", TOPIC).await?;
        send(&stage, "seat-2", TOPIC, "for somebody else").await?;
        send(&stage, "seat-1", "other.topic", "of another topic").await?;
        let text = format!("for us {round}");
        send(&stage, "seat-1", TOPIC, &text).await?;
        assert_eq!(next(&mut lobby).await?, LobbyEvent::Message(text.into_bytes()));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_seat_is_taken_again() -> Result<()> {
    let stage = Stage::new().await?;
    let wire = Proxy::to(&stage.servers.livekit_url()).await?;
    let mut lobby = sit(&stage, wire.url(), "seat");
    assert_eq!(next(&mut lobby).await?, LobbyEvent::Seated);
    wire.cut();
    assert_eq!(next(&mut lobby).await?, LobbyEvent::Lost);
    assert_eq!(next(&mut lobby).await?, LobbyEvent::Seated);
    send(&stage, "seat", TOPIC, "again").await?;
    assert_eq!(next(&mut lobby).await?, LobbyEvent::Message(b"again".to_vec()));
    drop(lobby);
    let api = stage.api();
    let gone = async {
        while !api.list_participants(&stage.room).await?.is_empty() {
            tokio::task::yield_now().await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(SOON, gone).await.context("the seat is given back")?
}
