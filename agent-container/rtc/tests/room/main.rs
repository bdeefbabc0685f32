//! The room client against the real livekit-server, with LiveKit's Python SDK as the other side.

mod lobby;
mod phone;
mod proxy;
mod stage;
mod station;

use std::time::Duration;

use anyhow::{Context, Result};
use line::{Digit, LineCommand, LineEnd, LineEvent};
use livekit_protocol::signal_response::Message;
use livekit_protocol::{SessionDescription, SignalResponse, TrickleRequest};
use prost::Message as _;
use rtc::{Codec, RoomOptions};

use proxy::{Proxy, binary_frame};
use stage::{Agent, SOON, Stage, start_servers};
use station::{PanickingStation, TONE_DBFS};

/// A peer hears `hz` from the agent, at its level and without a gap in the last second.
async fn hears(peer: &mut servers::Peer, hz: f64) -> Result<()> {
    let deadline = tokio::time::Instant::now() + SOON;
    loop {
        let heard = peer.measure().await?;
        if let Some(tone) = heard
            && (tone.hz - hz).abs() < 2.0
            && (tone.dbfs - TONE_DBFS).abs() < 1.5
            && tone.silent_blocks == 0
        {
            return Ok(());
        }
        anyhow::ensure!(
            tokio::time::Instant::now() < deadline,
            "the peer does not hear {hz} Hz; last: {heard:?}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn tones_pass_both_ways(codec: Codec) -> Result<()> {
    let stage = Stage::new().await?;
    let mut peer = stage.peer("caller").await?;
    let mut agent = stage.agent(440.0, codec)?;
    agent.until("published", |event| *event == LineEvent::Published).await?;
    peer.publish_tone(700.0).await?;
    agent.until("answered", |event| *event == LineEvent::Answered).await?;
    agent.heard.until_tone(700.0).await?;
    hears(&mut peer, 440.0).await?;
    let counts = agent.room.stats.counts();
    assert!(counts.frames_in > 25 && counts.frames_out > 25, "{counts:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tones_pass_both_ways_with_pcmu() -> Result<()> {
    tones_pass_both_ways(Codec::Pcmu).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tones_pass_both_ways_with_opus() -> Result<()> {
    tones_pass_both_ways(Codec::Opus).await
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_again_and_again_never_leaves_us_deaf() -> Result<()> {
    let stage = Stage::new().await?;
    let mut peer = stage.peer("caller").await?;
    let agent = stage.agent(440.0, Codec::Pcmu)?;
    for cycle in 0..7 {
        let hz = 500.0 + 100.0 * f64::from(cycle);
        peer.publish_tone(hz).await?;
        agent.heard.until_tone(hz).await.with_context(|| format!("cycle {cycle}"))?;
        peer.unpublish().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_messages_pass_both_ways() -> Result<()> {
    let stage = Stage::new().await?;
    let mut peer = stage.peer("caller").await?;
    let mut agent = stage.agent(440.0, Codec::Pcmu)?;
    agent.until("the caller", |event| matches!(event, LineEvent::CallerJoined { .. })).await?;
    for (code, key) in [(5, '5'), (10, '*'), (11, '#')] {
        let digit = Digit::from_char(key).context("a key")?;
        peer.send_dtmf(code, &key.to_string()).await?;
        agent.until("a key", |event| *event == LineEvent::Dtmf(digit)).await?;
        agent.command(LineCommand::SendDtmf(digit)).await?;
        peer.until("dtmf", SOON, |report| report["digit"] == key.to_string()).await?;
    }
    peer.send_data("to the agent", "topic").await?;
    let (identity, topic) = ("caller".to_owned(), "topic".to_owned());
    let expected = LineEvent::Data { identity, topic: topic.clone(), payload: b"to the agent".to_vec() };
    agent.until("a message", |event| *event == expected).await?;
    for reliable in [true, false] {
        let payload = format!("reliable: {reliable}").into_bytes();
        agent.command(LineCommand::SendData { topic: topic.clone(), payload, reliable }).await?;
        let text = format!("reliable: {reliable}");
        peer.until("data", SOON, |report| report["data"] == *text && report["topic"] == "topic").await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_are_seen_by_the_others() -> Result<()> {
    let stage = Stage::new().await?;
    let mut peer = stage.peer("caller").await?;
    let mut agent = stage.agent(440.0, Codec::Pcmu)?;
    agent.until("published", |event| *event == LineEvent::Published).await?;
    // Attributes from before its arrival are no change to the peer.
    peer.until("subscribed", SOON, |report| report["identity"] == "agent").await?;
    let attributes = [("lk.agent.state".to_owned(), "listening".to_owned())].into();
    agent.command(LineCommand::SetAttributes(attributes)).await?;
    peer.until("attributes", SOON, |report| report["changed"]["lk.agent.state"] == "listening").await?;
    Ok(())
}

/// An agent behind a wire that can be cut, talking with a peer.
async fn talk_over_a_wire(stage: &Stage) -> Result<(Proxy, servers::Peer, Agent)> {
    let wire = Proxy::to(&stage.servers.livekit_url()).await?;
    let mut peer = stage.peer("caller").await?;
    peer.publish_tone(700.0).await?;
    let options = RoomOptions { url: wire.url(), ..stage.options("agent")? };
    let mut agent = stage.join(options, 440.0);
    agent.until("answered", |event| *event == LineEvent::Answered).await?;
    agent.heard.until_tone(700.0).await?;
    hears(&mut peer, 440.0).await?;
    Ok((wire, peer, agent))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_on_after_its_signalling_was_cut() -> Result<()> {
    let stage = Stage::new().await?;
    let (wire, mut peer, mut agent) = talk_over_a_wire(&stage).await?;
    for rejoins in 1..=2 {
        wire.cut();
        agent.until("lost", |event| *event == LineEvent::Lost).await?;
        agent.until("restored", |event| *event == LineEvent::Restored).await?;
        hears(&mut peer, 440.0).await?;
        agent.heard.until_tone(700.0).await?;
        assert_eq!(agent.room.stats.counts().rejoins, rejoins);
    }
    agent.command(LineCommand::Leave).await?;
    assert_eq!(agent.ended().await?, LineEnd::WeLeft);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_room_was_lost_with_the_server_ends() -> Result<()> {
    let stage = Stage::new().await?;
    let fresh = start_servers("fresh").await?;
    let (wire, _peer, mut agent) = talk_over_a_wire(&stage).await?;
    wire.lead_to(&fresh.livekit_url())?;
    wire.cut();
    assert_eq!(agent.ended().await?, LineEnd::ConnectionLost);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_server_stays_away_ends_in_time() -> Result<()> {
    let stage = Stage::new().await?;
    let wire = Proxy::to(&stage.servers.livekit_url()).await?;
    let options = stage.options("agent")?;
    let options = RoomOptions { url: wire.url(), rejoin_within: Duration::from_secs(1), ..options };
    let mut peer = stage.peer("caller").await?;
    let mut agent = stage.join(options, 440.0);
    agent.until("the caller", |event| matches!(event, LineEvent::CallerJoined { .. })).await?;
    hears(&mut peer, 440.0).await?;
    // A port nobody listens on any more.
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    wire.lead_to(&format!("ws://{gone}"))?;
    wire.cut();
    assert_eq!(agent.ended().await?, LineEnd::ConnectionLost);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_from_the_server_does_not_end_a_call() -> Result<()> {
    let stage = Stage::new().await?;
    let (wire, mut peer, mut agent) = talk_over_a_wire(&stage).await?;
    let description = |kind: &str| SessionDescription {
        r#type: kind.into(),
        sdp: "v=0\r\nnonsense".into(),
        id: 99,
        ..SessionDescription::default()
    };
    let trickle = TrickleRequest { candidate_init: "{nonsense".into(), ..TrickleRequest::default() };
    let messages = [
        Message::Offer(description("offer")),
        Message::Answer(description("answer")),
        Message::Trickle(trickle),
        Message::Pong(1),
    ];
    wire.say(binary_frame(&[0xff; 40])).await?;
    for message in messages {
        wire.say(binary_frame(&SignalResponse { message: Some(message) }.encode_to_vec())).await?;
    }
    peer.unpublish().await?;
    peer.publish_tone(900.0).await?;
    agent.heard.until_tone(900.0).await?;
    hears(&mut peer, 440.0).await?;
    assert_eq!(agent.room.stats.counts().rejoins, 0);
    agent.command(LineCommand::Leave).await?;
    assert_eq!(agent.ended().await?, LineEnd::WeLeft);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_agent_of_a_call_leaves_and_the_first_stays() -> Result<()> {
    let stage = Stage::new().await?;
    let mut peer = stage.peer("caller").await?;
    let mut first = stage.join(stage.options("agent-1")?, 440.0);
    first.until("published", |event| *event == LineEvent::Published).await?;
    hears(&mut peer, 440.0).await?;
    let mut second = stage.join(stage.options("agent-2")?, 550.0);
    assert_eq!(second.ended().await?, LineEnd::Duplicate);
    hears(&mut peer, 440.0).await?;
    first.command(LineCommand::Leave).await?;
    assert_eq!(first.ended().await?, LineEnd::WeLeft);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_is_said_and_leaves_no_ghost() -> Result<()> {
    let stage = Stage::new().await?;
    let mut peer = stage.peer("caller").await?;
    let mut agent = stage.agent(440.0, Codec::Pcmu)?;
    hears(&mut peer, 440.0).await?;
    agent.command(LineCommand::Leave).await?;
    assert_eq!(agent.ended().await?, LineEnd::WeLeft);
    // The server keeps those who say nothing for 20 s; it is asked, not timed.
    let there = stage.api().list_participants(&stage.room).await?;
    assert!(there.iter().all(|participant| participant.identity != "agent"), "{there:?}");
    peer.until("left", SOON, |report| report["identity"] == "agent").await?;
    assert_eq!(stage.media.calls(), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_line_leaves_the_room() -> Result<()> {
    let stage = Stage::new().await?;
    let mut peer = stage.peer("caller").await?;
    let agent = stage.agent(440.0, Codec::Pcmu)?;
    hears(&mut peer, 440.0).await?;
    drop(agent);
    peer.until("left", SOON, |report| report["identity"] == "agent").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_ends_the_line() -> Result<()> {
    let stage = Stage::new().await?;
    let peer = stage.peer("caller").await?;
    let mut agent = stage.agent(440.0, Codec::Pcmu)?;
    agent.until("the caller", |event| matches!(event, LineEvent::CallerJoined { .. })).await?;
    stage.api().remove_participant(&stage.room, "caller").await?;
    assert_eq!(agent.ended().await?, LineEnd::CallerLeft);
    drop(peer);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_room_and_a_removal_end_the_line() -> Result<()> {
    for remove in [false, true] {
        let stage = Stage::new().await?;
        let mut agent = stage.agent(440.0, Codec::Pcmu)?;
        agent.until("published", |event| *event == LineEvent::Published).await?;
        if remove {
            stage.api().remove_participant(&stage.room, "agent").await?;
        } else {
            stage.api().delete_room(&stage.room).await?;
        }
        assert_eq!(agent.ended().await?, LineEnd::Removed, "remove: {remove}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_up_on_somebody_without_a_telephone_is_the_hooks_work() -> Result<()> {
    let stage = Stage::new().await?;
    let mut peer = stage.peer("caller").await?;
    let (api, room) = (stage.api(), stage.room.clone());
    let hook = move || {
        let delete = async move { api.delete_room(&room).await.map(drop).unwrap_or_default() };
        Box::pin(delete) as std::pin::Pin<Box<dyn Future<Output = ()> + Send>>
    };
    let mut agent =
        stage.join(RoomOptions { hang_up: Some(Box::new(hook)), ..stage.options("agent")? }, 440.0);
    agent.until("the caller", |event| matches!(event, LineEvent::CallerJoined { .. })).await?;
    agent.command(LineCommand::HangUp).await?;
    assert_eq!(agent.ended().await?, LineEnd::WeLeft);
    peer.until("disconnected", SOON, |_| true).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mute_by_the_server_silences_us_until_it_is_taken_back() -> Result<()> {
    let stage = Stage::new().await?;
    let mut peer = stage.peer("caller").await?;
    let agent = stage.agent(440.0, Codec::Pcmu)?;
    hears(&mut peer, 440.0).await?;
    let there = stage.api().list_participants(&stage.room).await?;
    let track =
        there.iter().find(|p| p.identity == "agent").and_then(|p| p.tracks.first()).context("our track")?;
    stage.api().mute_published_track(&stage.room, "agent", &track.sid, true).await?;
    let before = agent.room.stats.counts().frames_out;
    let deadline = tokio::time::Instant::now() + SOON;
    let mut last = before;
    // Sending stops: two looks a quarter of a second apart see the same count.
    loop {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let now = agent.room.stats.counts().frames_out;
        if now == last {
            break;
        }
        last = now;
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "still sending while muted");
    }
    stage.api().mute_published_track(&stage.room, "agent", &track.sid, false).await?;
    hears(&mut peer, 440.0).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_that_cannot_succeed_says_so() -> Result<()> {
    let stage = Stage::new().await?;
    let refused = RoomOptions { token: "no.valid.token".into(), ..stage.options("agent")? };
    assert_eq!(stage.join(refused, 440.0).ended().await?, LineEnd::SetupFailed);
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let options = stage.options("agent")?;
    let unreachable =
        RoomOptions { url: format!("ws://{nobody}"), join_within: Duration::from_secs(1), ..options };
    assert_eq!(stage.join(unreachable, 440.0).ended().await?, LineEnd::SetupFailed);
    let nonsense = RoomOptions { url: "nonsense".into(), ..stage.options("agent")? };
    assert_eq!(stage.join(nonsense, 440.0).ended().await?, LineEnd::SetupFailed);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_one_call_ends_that_call_only() -> Result<()> {
    let stage = Stage::new().await?;
    let mut peer = stage.peer("caller").await?;
    let agent = stage.agent(440.0, Codec::Pcmu)?;
    hears(&mut peer, 440.0).await?;
    let other =
        Stage { room: format!("{}-other", stage.room), media: stage.media.clone(), ..Stage::new().await? };
    let options = other.options("agent")?;
    let (_, heard) = station::ToneStation::new(440.0);
    let mut broken =
        Agent { room: rtc::Room::join(&other.media, options, Box::new(PanickingStation)), heard };
    assert_eq!(broken.ended().await?, LineEnd::ConnectionLost);
    let before = agent.room.stats.counts().frames_out;
    hears(&mut peer, 440.0).await?;
    assert!(agent.room.stats.counts().frames_out >= before);
    Ok(())
}
