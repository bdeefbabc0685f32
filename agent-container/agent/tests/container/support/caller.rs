//! A caller: speaks when told, and tells when the agent is heard.

use std::collections::VecDeque;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use audio::Resampler;
use line::{
    FRAME_MS, FRAME_SAMPLES, Frame, LineCommand, LineDriver, LineEnd, LineEvent, PIPELINE_HZ, Source, Station,
};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

/// Mean square above which a frame is heard: about -50 dBFS.
const AUDIBLE: i64 = 10_000;
/// Silence after which the agent has stopped: longer than its pauses between sentences.
const STOPPED_AFTER_MS: u32 = 1000;

/// What the caller hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    Speaking,
    Silent,
}

/// One caller on one line.
pub(crate) struct Caller {
    pub(crate) events: mpsc::Sender<LineEvent>,
    pub(crate) commands: mpsc::Receiver<LineCommand>,
    heard: mpsc::UnboundedReceiver<Heard>,
    mouth: Mouth,
}

/// What is still to be said.
type Mouth = Arc<Mutex<VecDeque<Frame>>>;

impl Caller {
    /// Takes the road's end of a line; time runs as it does.
    pub(crate) fn new(driver: LineDriver, station: Box<dyn Station>) -> Self {
        let (heard_tx, heard) = mpsc::unbounded_channel();
        let mouth = Arc::new(Mutex::new(VecDeque::new()));
        let words = Arc::clone(&mouth);
        tokio::spawn(run(station, words, heard_tx));
        Self { events: driver.events, commands: driver.commands, heard, mouth }
    }

    /// Comes into the room; the phone rings.
    pub(crate) async fn rings(&self) {
        let joined = LineEvent::CallerJoined { identity: "caller".into(), attributes: Default::default() };
        for event in [LineEvent::Published, joined] {
            self.events.send(event).await.expect("the call listens");
        }
    }

    /// Comes into the room and is answered.
    pub(crate) async fn is_answered(&self) {
        self.rings().await;
        self.events.send(LineEvent::Answered).await.expect("the call listens");
    }

    /// Whether there was nothing to hear since the last time somebody listened.
    pub(crate) fn heard_nothing(&mut self) -> bool {
        self.heard.try_recv().is_err()
    }

    /// Says something aloud.
    pub(crate) fn say(&self, words: &str) {
        self.mouth.lock().expect("no panic").extend(speech(words));
    }

    /// Waits until the agent is heard, or no longer.
    pub(crate) async fn hears(&mut self, what: Heard) {
        let waiting = async { while self.heard.recv().await.expect("the line is open") != what {} };
        tokio::time::timeout(Duration::from_secs(20), waiting)
            .await
            .unwrap_or_else(|_| panic!("never {what:?}"));
    }

    /// Says something, hears the reply to its end.
    pub(crate) async fn asks(&mut self, words: &str) {
        self.say(words);
        self.hears_a_speech().await;
    }

    /// Comes into the room, is answered, hears the greeting to its end.
    pub(crate) async fn is_greeted(&mut self) {
        self.is_answered().await;
        self.hears_a_speech().await;
    }

    /// Waits until the agent speaks, and has spoken.
    async fn hears_a_speech(&mut self) {
        self.hears(Heard::Speaking).await;
        self.hears(Heard::Silent).await;
    }

    /// Hangs up.
    pub(crate) async fn hangs_up(&self) {
        self.events.send(LineEvent::Ended(LineEnd::CallerLeft)).await.expect("the call listens");
    }

    /// Waits until the agent hangs up or leaves, and ends the line.
    pub(crate) async fn is_left(&mut self) -> LineCommand {
        let waiting = async {
            loop {
                let command = self.commands.recv().await.expect("the agent says goodbye");
                if matches!(command, LineCommand::HangUp | LineCommand::Leave) {
                    return command;
                }
            }
        };
        let command = tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("left in time");
        self.events.send(LineEvent::Ended(LineEnd::WeLeft)).await.expect("the call listens");
        command
    }
}

/// The media clock of one line: 20 ms at a time, late ones made up for.
async fn run(mut station: Box<dyn Station>, mouth: Mouth, heard: mpsc::UnboundedSender<Heard>) {
    let mut tick = interval(Duration::from_millis(FRAME_MS.into()));
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut speaking, mut silent_ms) = (false, 0);
    while !heard.is_closed() {
        tick.tick().await;
        let said = mouth.lock().expect("no panic").pop_front().unwrap_or([0; FRAME_SAMPLES]);
        station.hear(&said, Source::Received);
        let mut frame = [0; FRAME_SAMPLES];
        let audible = station.speak(&mut frame) && energy(&frame) > AUDIBLE;
        silent_ms = if audible { 0 } else { silent_ms + FRAME_MS };
        let now = if speaking { silent_ms < STOPPED_AFTER_MS } else { audible };
        if now != speaking {
            speaking = now;
            let _ = heard.send(if now { Heard::Speaking } else { Heard::Silent });
        }
    }
}

fn energy(frame: &Frame) -> i64 {
    frame.iter().map(|&s| i64::from(s) * i64::from(s)).sum::<i64>() / FRAME_SAMPLES as i64
}

/// The words as espeak-ng says them, with a little silence around.
fn speech(words: &str) -> Vec<Frame> {
    let spoken =
        Command::new("espeak-ng").args(["--stdout", "-s", "170", words]).output().expect("espeak-ng");
    let mut reader = hound::WavReader::new(&spoken.stdout[..]).expect("espeak-ng writes WAV");
    let rate = reader.spec().sample_rate;
    // espeak-ng cannot know the length of a stream, so the header may promise more than there is.
    let samples: Vec<i16> = reader.samples().map_while(Result::ok).collect();
    let mut resampler = Resampler::new(rate, PIPELINE_HZ).expect("espeak-ng's rate");
    let mut all = vec![0; FRAME_SAMPLES * 5];
    resampler.push(&samples, &mut all);
    resampler.finish(&mut all);
    all.chunks_exact(FRAME_SAMPLES).map(|frame| frame.try_into().expect("a whole frame")).collect()
}
