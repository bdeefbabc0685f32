//! A telephone and we, with livekit-sip between us: a real SIP call by baresip.

use anyhow::{Context, Result};
use audio::analysis;
use line::{Digit, LineCommand, LineEnd, LineEvent};
use rtc::{Caller, Codec, RoomOptions};
use servers::{Phone, PhoneOptions, SAMPLE_RATE, workspace_root};

use crate::stage::{Agent, SOON, Stage};
use crate::station::{AMPLITUDE, TONE_DBFS};

/// A telephone whose microphone says a tone.
async fn phone(stage: &Stage, hz: f64) -> Result<Phone> {
    Phone::start(&PhoneOptions {
        dir: workspace_root().join("target/tmp/rtc").join(format!("phone-{}", stage.room)),
        caller: "+15550100200".to_owned(),
        username: stage.servers.sip_username().to_owned(),
        password: stage.servers.sip_password().to_owned(),
        microphone: analysis::sine(hz, AMPLITUDE, SAMPLE_RATE, 60 * SAMPLE_RATE as usize),
    })
    .await
}

async fn call(stage: &Stage, codec: Codec) -> Result<(Phone, Agent)> {
    let options = RoomOptions { codec, caller: Caller::Sip, ..stage.options("agent")? };
    let mut agent = stage.join(options, 440.0);
    agent.until("published", |event| *event == LineEvent::Published).await?;
    let mut phone = phone(stage, 700.0).await?;
    phone.dial(&format!("sip:{}@{};transport=tcp", stage.room, stage.servers.sip_address())).await?;
    phone.until_answered(SOON).await?;
    agent.until("answered", |event| *event == LineEvent::Answered).await?;
    Ok((phone, agent))
}

/// Waits until the last half second in the phone's own recording is the tone, at its level, without a gap.
async fn phone_hears(phone: &Phone, hz: f64) -> Result<()> {
    let deadline = tokio::time::Instant::now() + SOON;
    loop {
        let heard = phone.heard()?;
        let last = &heard[heard.len().saturating_sub(SAMPLE_RATE as usize / 2)..];
        let (pitch, dbfs) = (analysis::pitch_hz(last, SAMPLE_RATE), analysis::rms_dbfs(last));
        let gaps = analysis::silent_blocks(last, SAMPLE_RATE, TONE_DBFS - 10.0);
        if pitch.is_some_and(|pitch| (pitch - hz).abs() < 2.0) && (dbfs - TONE_DBFS).abs() < 1.5 && gaps == 0
        {
            return Ok(());
        }
        let found = format!("{pitch:?} Hz, {dbfs:.1} dBFS, {gaps} silent blocks");
        anyhow::ensure!(
            tokio::time::Instant::now() < deadline,
            "the phone does not hear {hz} Hz but {found}"
        );
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

async fn tones_pass(codec: Codec) -> Result<()> {
    let stage = Stage::new().await?;
    let (mut phone, mut agent) = call(&stage, codec).await?;
    agent.heard.until_tone(700.0).await?;
    phone_hears(&phone, 440.0).await?;
    let digit = Digit::from_char('5').context("a key")?;
    phone.press("5").await?;
    agent.until("a key", |event| *event == LineEvent::Dtmf(digit)).await?;
    phone.hang_up().await?;
    assert_eq!(agent.ended().await?, LineEnd::CallerLeft);
    phone.until_closed(SOON).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_telephone_and_we_hear_each_other_with_pcmu() -> Result<()> {
    tones_pass(Codec::Pcmu).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_telephone_and_we_hear_each_other_with_opus() -> Result<()> {
    tones_pass(Codec::Opus).await
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_up_ends_the_call_of_a_telephone() -> Result<()> {
    let stage = Stage::new().await?;
    let (mut phone, mut agent) = call(&stage, Codec::Pcmu).await?;
    agent.command(LineCommand::HangUp).await?;
    phone.until_closed(SOON).await?;
    agent.ended().await.map(drop)
}
