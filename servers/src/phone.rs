//! A SIP phone: baresip with a sound file as its microphone.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

pub use crate::phone_control::Progress;
use crate::phone_control::{Netstrings, PhoneEvent, command, event};
use crate::phone_files::PhoneFiles;
use crate::ports::free_tcp_port;
use crate::process::{Process, tail};
use crate::recording::{PhoneRecording, Track};
use crate::tools::Tool;

/// baresip is up within 0.1 s on an idle machine.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How often the recordings are looked at. Frames come every 20 ms.
const LOOK_EVERY: Duration = Duration::from_millis(4);

/// From one key to the next: 100 ms is the shortest that telephone equipment must take.
const KEY_EVERY: Duration = Duration::from_millis(250);

/// How long baresip may take to end and close its recordings.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Who calls, and with which words.
#[derive(Debug, Clone)]
pub struct PhoneOptions {
    /// Gets configuration, log and recordings. One call, one directory.
    pub dir: PathBuf,
    /// The user part of the caller's address: a number, or a name.
    pub caller: String,
    /// Digest user name.
    pub username: String,
    /// Digest password.
    pub password: String,
    /// What is said from the moment of the answer on, 8 kHz mono; silence follows.
    pub microphone: Vec<i16>,
}

/// A running phone. Dropping it ends the program; the other side hears nothing more and no BYE: hang up first.
#[derive(Debug)]
pub struct Phone {
    process: Process,
    files: PhoneFiles,
    commands: mpsc::Sender<Vec<u8>>,
    progress: watch::Receiver<Progress>,
    dialled: Option<Instant>,
    tracks: Arc<Mutex<Tracks>>,
}

#[derive(Debug, Default, Clone)]
struct Tracks {
    sent: Track,
    heard: Track,
}

impl Phone {
    /// Starts the phone; it calls nobody yet.
    ///
    /// # Errors
    /// When baresip is missing or does not come up, with the end of its log.
    pub async fn start(options: &PhoneOptions) -> Result<Self> {
        let port = free_tcp_port()?;
        let files = PhoneFiles::create(options, port)?;
        let mut baresip = Command::new(Tool::Baresip.path()?);
        baresip.arg("-s").arg("-f").arg(files.dir());
        let mut process = Process::spawn("baresip", &baresip, &files.dir().join("baresip.log"))?;
        let stream = connect(&mut process, port).await?;
        let (commands, orders) = mpsc::channel(16);
        let (report, progress) = watch::channel(Progress::default());
        let tracks = Arc::new(Mutex::new(Tracks::default()));
        let listener =
            Listener { stream, orders, report, tracks: tracks.clone(), recordings: files.recordings() };
        tokio::spawn(listener.run());
        Ok(Self { process, files, commands, progress, dialled: None, tracks })
    }

    /// Calls `address`, a whole SIP address: `sip:ROOM@127.0.0.1:PORT` or with `;transport=tcp`.
    ///
    /// # Errors
    /// When baresip has ended.
    pub async fn dial(&mut self, address: &str) -> Result<()> {
        self.dialled = Some(Instant::now());
        self.order("dial", address).await
    }

    /// The call's progress so far.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress { dialled: self.dialled, ..self.progress.borrow().clone() }
    }

    /// Waits until the other side rings.
    ///
    /// # Errors
    /// When it does not within `within`, or the call ends first.
    pub async fn until_ringing(&mut self, within: Duration) -> Result<Instant> {
        self.until("ringing", within, |progress| progress.ringing).await
    }

    /// Waits until the other side answers.
    ///
    /// # Errors
    /// When it does not within `within`, or the call ends first.
    pub async fn until_answered(&mut self, within: Duration) -> Result<Instant> {
        self.until("answered", within, |progress| progress.answered).await
    }

    /// Waits until the call is over and says why, in baresip's words.
    ///
    /// # Errors
    /// When it is not within `within`.
    pub async fn until_closed(&mut self, within: Duration) -> Result<String> {
        self.until("closed", within, |progress| progress.closed).await?;
        Ok(self.progress().reason.unwrap_or_default())
    }

    /// Says `samples` (8 kHz mono) from now on, and silence after them.
    ///
    /// # Errors
    /// When the sound cannot be written or baresip has ended.
    pub async fn say(&mut self, samples: &[i16]) -> Result<()> {
        let sound = self.files.write_sound(samples)?;
        self.order("ausrc", &format!("aufile,{}", sound.display())).await
    }

    /// Presses `keys` one after the other, as RFC 4733 events.
    ///
    /// # Errors
    /// When baresip has ended.
    pub async fn press(&mut self, keys: &str) -> Result<()> {
        for key in keys.chars() {
            self.order("sndcode", &key.to_string()).await?;
            tokio::time::sleep(KEY_EVERY).await;
        }
        Ok(())
    }

    /// Hangs up; while it rings this cancels.
    ///
    /// # Errors
    /// When baresip has ended.
    pub async fn hang_up(&mut self) -> Result<()> {
        self.order("hangup", "").await
    }

    /// What has been heard so far, 8 kHz mono.
    ///
    /// # Errors
    /// When the recording cannot be read.
    pub fn heard(&self) -> Result<Vec<i16>> {
        self.tracks().heard.samples()
    }

    /// The same without the first `from` samples: for somebody who listens all the time.
    ///
    /// # Errors
    /// When the recording cannot be read.
    pub fn heard_from(&self, from: usize) -> Result<Vec<i16>> {
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner).heard.samples_from(from)
    }

    /// How many samples have been heard so far.
    #[must_use]
    pub fn heard_samples(&self) -> usize {
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner).heard.length()
    }

    /// What has been sent so far, 8 kHz mono.
    ///
    /// # Errors
    /// When the recording cannot be read.
    pub fn sent(&self) -> Result<Vec<i16>> {
        self.tracks().sent.samples()
    }

    /// Hangs up if need be, ends the program and hands out the recordings.
    ///
    /// # Errors
    /// When the recordings cannot be read.
    pub async fn finish(mut self) -> Result<PhoneRecording> {
        // It may have ended by itself: then there is nothing to order.
        let _ = self.order("quit", "").await;
        let ended = async { while self.progress.changed().await.is_ok() {} };
        if tokio::time::timeout(STOP_LIMIT, ended).await.is_err() {
            tracing::warn!("baresip did not end when told to");
        }
        self.process.stop(STOP_LIMIT).await;
        let tracks = self.tracks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        PhoneRecording::new(tracks.sent, tracks.heard)
    }

    fn tracks(&self) -> Tracks {
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn order(&mut self, name: &str, parameters: &str) -> Result<()> {
        let sent = self.commands.send(command(name, parameters)).await;
        sent.map_err(|_| anyhow!("baresip has ended; its log:\n{}", tail(self.process.log())))
    }

    async fn until(
        &mut self,
        what: &str,
        within: Duration,
        reached: impl Fn(&Progress) -> Option<Instant>,
    ) -> Result<Instant> {
        let wait =
            self.progress.wait_for(|progress| reached(progress).is_some() || progress.closed.is_some());
        let progress = match tokio::time::timeout(within, wait).await {
            Ok(Ok(progress)) => progress.clone(),
            Ok(Err(_)) => bail!("baresip ended before the call was {what}"),
            Err(_) => bail!("the call was not {what} within {} s", within.as_secs()),
        };
        let reason = progress.reason.clone().unwrap_or_default();
        reached(&progress).with_context(|| format!("the call ended before it was {what}: {reason}"))
    }
}

/// baresip takes one connection only, so the first that succeeds is kept.
async fn connect(process: &mut Process, port: u16) -> Result<TcpStream> {
    let stream = Mutex::new(None);
    let connected = async || match TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
        Ok(connection) => {
            *stream.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
            true
        }
        Err(_) => false,
    };
    process.until_ready(START_LIMIT, connected).await?;
    stream.into_inner().ok().flatten().context("baresip's control connection is gone")
}

/// Reads baresip's reports, passes orders on, and watches the recordings grow.
struct Listener {
    stream: TcpStream,
    orders: mpsc::Receiver<Vec<u8>>,
    report: watch::Sender<Progress>,
    tracks: Arc<Mutex<Tracks>>,
    recordings: PathBuf,
}

impl Listener {
    async fn run(mut self) {
        let mut netstrings = Netstrings::default();
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut bytes = [0; 4096];
        loop {
            // baresip writes each event by itself and leaves Nagle on: an acknowledgement that is 40 ms late, as the kernel
            // would have it, makes the next event late. The option lasts for one.
            let _ = self.stream.set_quickack(true);
            tokio::select! {
                read = self.stream.read(&mut bytes) => {
                    let Some(length) = read.ok().filter(|&length| length > 0) else { break };
                    netstrings.push(&bytes[..length]);
                    self.report_all(&mut netstrings);
                }
                Some(order) = self.orders.recv() => {
                    if self.stream.write_all(&order).await.is_err() {
                        break;
                    }
                }
                _ = looks.tick() => self.look(),
            }
        }
        self.look();
        let closed = PhoneEvent::Closed { reason: "the phone was switched off".to_owned() };
        self.report.send_modify(|progress| progress.apply(closed, Instant::now()));
    }

    fn report_all(&self, netstrings: &mut Netstrings) {
        let at = Instant::now();
        while let Some(message) = netstrings.pop() {
            tracing::debug!(%message, "baresip");
            if let Some(event) = event(&message) {
                self.report.send_modify(|progress| progress.apply(event, at));
            }
        }
    }

    fn look(&self) {
        // Between ringing and answer there is nothing to see, and after the end nothing new.
        if self.report.borrow().ringing.is_none() {
            return;
        }
        let mut tracks = self.tracks.lock().unwrap_or_else(PoisonError::into_inner);
        let Tracks { sent, heard } = &mut *tracks;
        for (track, ending) in [(sent, "-enc.wav"), (heard, "-dec.wav")] {
            if !track.is_found()
                && let Some(path) = file_ending(&self.recordings, ending)
            {
                track.found(path);
            }
            track.look(Instant::now());
        }
    }
}

/// baresip names its recordings after the wall clock; there is one call, so one file, in each direction.
fn file_ending(dir: &Path, ending: &str) -> Option<PathBuf> {
    let files = std::fs::read_dir(dir).ok()?;
    files.filter_map(Result::ok).map(|file| file.path()).find(|path| path.to_string_lossy().ends_with(ending))
}
