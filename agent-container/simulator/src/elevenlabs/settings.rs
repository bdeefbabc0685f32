//! What the query asks for.

use std::time::Duration;

use crate::sound::{Encoding, Format};

/// One socket's settings.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) many: bool,
    pub(crate) format: Format,
    pub(crate) auto_mode: bool,
    pub(crate) sync_alignment: bool,
    pub(crate) inactivity: Duration,
}

impl Settings {
    pub(crate) fn read(query: &[(String, String)], many: bool) -> Result<Self, String> {
        let get = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let inactivity = get("inactivity_timeout").map_or(Ok(20), str::parse::<u64>);
        let inactivity = inactivity.map_err(|_| "inactivity_timeout is not a number")?;
        if inactivity > 180 {
            return Err("inactivity_timeout must be at most 180".into());
        }
        Ok(Self {
            many,
            format: format(get("output_format"))?,
            auto_mode: get("auto_mode") == Some("true"),
            sync_alignment: get("sync_alignment") == Some("true"),
            inactivity: Duration::from_secs(inactivity),
        })
    }
}

/// `pcm_16000`, `ulaw_8000`, …; compressed formats are not simulated.
pub(crate) fn format(name: Option<&str>) -> Result<Format, String> {
    let name = name.unwrap_or("mp3_44100_128");
    let (encoding, rate) = name.split_once('_').unwrap_or((name, ""));
    let encoding = match encoding {
        "pcm" => Some(Encoding::Linear16),
        "ulaw" => Some(Encoding::Mulaw),
        "alaw" => Some(Encoding::Alaw),
        _ => None,
    };
    match (encoding, rate.parse()) {
        (Some(encoding), Ok(rate @ (8000 | 16000 | 22050 | 24000 | 44100 | 48000))) => {
            Ok(Format::new(encoding, rate))
        }
        _ => Err(format!("output_format {name} is not simulated: pcm_…, ulaw_8000 or alaw_8000")),
    }
}
