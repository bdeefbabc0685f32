//! The recorded prompts: where they are installed, else fetched into `target/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use audio::mulaw::MULAW_HZ;

/// Where Debian's package puts them.
const SOUNDS: &str = "usr/share/asterisk/sounds/en_US_f_Allison";
const PACKAGE: &str = "asterisk-core-sounds-en-wav";
/// A prompt is 1 to 8 s long.
const LENGTHS: std::ops::RangeInclusive<usize> = MULAW_HZ as usize..=8 * MULAW_HZ as usize;
/// As many are needed at least.
const ENOUGH: usize = 300;

/// The prompts in the order of their names; from `folder` when given.
pub(crate) fn load(folder: Option<&Path>) -> Result<Vec<Vec<i16>>, String> {
    let folder = folder.map_or_else(installed, |folder| Ok(folder.to_owned()))?;
    let mut files = Vec::new();
    wav_files(&folder, &mut files).map_err(|error| format!("{}: {error}", folder.display()))?;
    files.sort();
    let prompts = files.iter().filter_map(|file| read_wav(file));
    let prompts: Vec<Vec<i16>> = prompts.filter(|prompt| LENGTHS.contains(&prompt.len())).collect();
    if prompts.len() < ENOUGH {
        return Err(format!("{} has {} prompts of 1 to 8 s at 8 kHz", folder.display(), prompts.len()));
    }
    Ok(prompts)
}

/// Where they are on this machine.
fn installed() -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/sounds");
    let places = [Path::new("/").join(SOUNDS), target.join(SOUNDS)];
    if let Some(place) = places.iter().find(|place| place.is_dir()) {
        return Ok(place.clone());
    }
    fetch(&target).map_err(|error| format!("{PACKAGE}: {error}; install it, or --sounds DIR"))?;
    Ok(target.join(SOUNDS))
}

/// Fetches the package and unpacks it; nothing is installed.
fn fetch(target: &Path) -> Result<(), String> {
    let run = |command: &mut Command| match command.current_dir(target).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?}: {status}")),
        Err(error) => Err(format!("{command:?}: {error}")),
    };
    std::fs::create_dir_all(target).map_err(|error| error.to_string())?;
    run(Command::new("apt-get").args(["download", "-q", PACKAGE]))?;
    let deb = std::fs::read_dir(target).map_err(|error| error.to_string())?.filter_map(Result::ok);
    let deb = deb.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|e| e == "deb"));
    run(Command::new("dpkg-deb").arg("-x").arg(deb.ok_or("nothing was fetched")?).arg("."))
}

fn wav_files(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("silence") {
            wav_files(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "wav") {
            found.push(path);
        }
    }
    Ok(())
}

fn read_wav(file: &Path) -> Option<Vec<i16>> {
    let reader = hound::WavReader::open(file).ok()?;
    let spec = reader.spec();
    let telephone = spec.channels == 1 && spec.sample_rate == MULAW_HZ;
    if telephone { reader.into_samples().collect::<Result<_, _>>().ok() } else { None }
}
