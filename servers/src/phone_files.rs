//! baresip's configuration directory and the sound files it plays.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::phone::PhoneOptions;
use crate::recording::SAMPLE_RATE;

/// Silence after the words. baresip stops sending when its sound file ends, so every file outlasts what is waited for; and it
/// reads the whole file before it acknowledges the answer, which takes it 60 ms for ten minutes of sound.
const TAIL_SECONDS: u32 = 120;

/// Configuration, account and recordings of one phone.
#[derive(Debug)]
pub(crate) struct PhoneFiles {
    dir: PathBuf,
    said: usize,
}

impl PhoneFiles {
    /// Writes the configuration of a phone that is controlled at `control_port` and says `options.microphone` when answered.
    pub(crate) fn create(options: &PhoneOptions, control_port: u16) -> Result<Self> {
        let mut files = Self { dir: options.dir.clone(), said: 0 };
        let recordings = files.recordings();
        std::fs::create_dir_all(&recordings)
            .with_context(|| format!("cannot create {}", recordings.display()))?;
        let microphone = files.write_sound(&options.microphone)?;
        files.write("config", &config(&files.dir, &microphone, control_port))?;
        files.write("accounts", &account(options))?;
        Ok(files)
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where baresip puts its two recordings.
    pub(crate) fn recordings(&self) -> PathBuf {
        self.dir.join("recordings")
    }

    /// A sound file with `samples` and a long silence. The silence is a hole in the file: it takes no room.
    pub(crate) fn write_sound(&mut self, samples: &[i16]) -> Result<PathBuf> {
        self.said += 1;
        let path = self.dir.join(format!("say-{}.wav", self.said));
        let length = samples.len() * 2 + (TAIL_SECONDS * SAMPLE_RATE * 2) as usize;
        let mut bytes = wav_header(u32::try_from(length).context("a sound of hours")?).to_vec();
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        let written = || -> std::io::Result<()> {
            std::fs::write(&path, &bytes)?;
            std::fs::File::options().write(true).open(&path)?.set_len(44 + length as u64)
        };
        written().with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.dir.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// `net_interface` may be an address: it makes baresip offer 127.0.0.1 for RTP. Without a jitter buffer it records a packet when it
/// arrives, which is what latencies are measured by. RTP ports lie apart from livekit-sip's.
fn config(dir: &Path, microphone: &Path, control_port: u16) -> String {
    let (dir, microphone) = (dir.display(), microphone.display());
    format!(
        "sip_listen 127.0.0.1:0\nnet_interface 127.0.0.1\nrtp_ports 30000-32700\n\
         audio_source aufile,{microphone}\naudio_player aufile,{dir}/unused\naudio_alert aufile,{dir}/unused\n\
         ausrc_srate {SAMPLE_RATE}\nauplay_srate {SAMPLE_RATE}\njitter_buffer_delay 0-0\nsnd_path {dir}/recordings\n\
         module_path {modules}\nmodule g711.so\nmodule aufile.so\nmodule sndfile.so\nmodule_tmp account.so\n\
         module_app menu.so\nmodule_tmp uuid.so\nmodule ctrl_tcp.so\nctrl_tcp_listen 127.0.0.1:{control_port}\n",
        modules = MODULES,
    )
}

/// Where Debian's `baresip-core` puts its modules.
const MODULES: &str = "/usr/lib/baresip/modules";

fn account(options: &PhoneOptions) -> String {
    let PhoneOptions { caller, username, password, .. } = options;
    format!("<sip:{caller}@127.0.0.1>;auth_user={username};auth_pass={password};regint=0;audio_codecs=pcmu\n")
}

/// The canonical 44 bytes before `length` bytes of mono 16-bit samples.
fn wav_header(length: u32) -> [u8; 44] {
    let mut header = [0; 44];
    header[..4].copy_from_slice(b"RIFF");
    header[4..8].copy_from_slice(&(36 + length).to_le_bytes());
    header[8..16].copy_from_slice(b"WAVEfmt ");
    header[16..20].copy_from_slice(&16_u32.to_le_bytes());
    header[20..22].copy_from_slice(&1_u16.to_le_bytes());
    header[22..24].copy_from_slice(&1_u16.to_le_bytes());
    header[24..28].copy_from_slice(&SAMPLE_RATE.to_le_bytes());
    header[28..32].copy_from_slice(&(SAMPLE_RATE * 2).to_le_bytes());
    header[32..34].copy_from_slice(&2_u16.to_le_bytes());
    header[34..36].copy_from_slice(&16_u16.to_le_bytes());
    header[36..40].copy_from_slice(b"data");
    header[40..].copy_from_slice(&length.to_le_bytes());
    header
}
