//! The servers carry sound and keys between two programs nobody here wrote: baresip and LiveKit's Python SDK.
#![allow(clippy::unwrap_used, missing_docs)]

use std::f64::consts::TAU;
use std::path::PathBuf;
use std::time::Duration;

use servers::{Peer, Phone, PhoneOptions, Servers, ServersOptions, Side};

const SOON: Duration = Duration::from_secs(30);

fn dir(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

fn tone(hz: f64, seconds: usize) -> Vec<i16> {
    (0..8000 * seconds).map(|n| (9000.0 * (TAU * hz * n as f64 / 8000.0).sin()) as i16).collect()
}

/// Pitch by counting rising zero crossings: exact enough for one clean tone.
fn pitch(samples: &[i16]) -> f64 {
    let rising = samples.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
    rising as f64 * 8000.0 / samples.len() as f64
}

fn phone(servers: &Servers, name: &str) -> PhoneOptions {
    PhoneOptions {
        dir: dir(name),
        caller: "+15550100200".to_owned(),
        username: servers.sip_username().to_owned(),
        password: servers.sip_password().to_owned(),
        microphone: tone(700.0, 30),
    }
}

#[tokio::test]
async fn a_phone_and_a_participant_hear_each_other() {
    let servers = Servers::start(ServersOptions::new(dir("servers"))).await.unwrap();
    let token = servers.token("call-CA1", "peer").unwrap();
    let mut peer = Peer::join(&servers.livekit_url(), &token).await.unwrap();
    peer.publish_tone(440.0).await.unwrap();

    let mut phone = Phone::start(&phone(&servers, "phone")).await.unwrap();
    phone.dial(&format!("sip:call-CA1@{};transport=tcp", servers.sip_address())).await.unwrap();
    let answered = phone.until_answered(SOON).await.unwrap();
    peer.until("audible", SOON, |report| report["identity"] == "sip_+15550100200").await.unwrap();
    phone.press("5").await.unwrap();
    peer.until("dtmf", SOON, |report| report["digit"] == "5").await.unwrap();
    let heard = loop {
        if let Some(heard) = peer.measure().await.unwrap() {
            break heard;
        }
    };
    phone.hang_up().await.unwrap();
    assert_eq!(phone.until_closed(SOON).await.unwrap(), "Connection reset by user");
    peer.until("left", SOON, |report| report["identity"] == "sip_+15550100200").await.unwrap();
    let recording = phone.finish().await.unwrap();

    assert!((heard.hz - 700.0).abs() < 3.0, "{heard:?}");
    let agent = recording.samples(Side::Heard);
    let steady = &agent[agent.len() / 2..];
    assert!((pitch(steady) - 440.0).abs() < 4.0, "{} Hz", pitch(steady));
    assert!(recording.at(Side::Sent, 0).unwrap() >= answered - Duration::from_millis(50));
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_a_ringing_call_can_be_cancelled() {
    let servers = Servers::start(ServersOptions::new(dir("refusing"))).await.unwrap();
    let address = format!("sip:call-CA2@{}", servers.sip_address());

    let wrong = PhoneOptions { password: "wrong".to_owned(), ..phone(&servers, "wrong") };
    let mut stranger = Phone::start(&wrong).await.unwrap();
    stranger.dial(&address).await.unwrap();
    let reason = stranger.until_closed(SOON).await.unwrap();
    assert!(reason.contains("401") || reason.contains("Authentication"), "{reason}");

    let mut caller = Phone::start(&phone(&servers, "cancelling")).await.unwrap();
    caller.dial(&address).await.unwrap();
    caller.until_ringing(SOON).await.unwrap();
    caller.hang_up().await.unwrap();
    caller.until_closed(SOON).await.unwrap();
    assert!(caller.finish().await.unwrap().samples(Side::Heard).is_empty());
}
