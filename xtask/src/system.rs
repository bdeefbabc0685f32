//! Packages of the system.

use anyhow::{Result, bail};

use crate::shell::{command, find, quietly, say};

/// How a package is known to be there.
enum Sign {
    Program(&'static str),
    /// By `pkg-config`.
    Library(&'static str),
}

use Sign::{Library, Program};

/// Debian's package, and its sign. Libraries are livekit-sip's; cmake builds Opus.
const PACKAGES: [(&str, Sign); 10] = [
    ("redis-server", Program("redis-server")),
    ("baresip-core", Program("baresip")),
    ("espeak-ng", Program("espeak-ng")),
    ("cmake", Program("cmake")),
    ("pkg-config", Program("pkg-config")),
    ("python3-venv", Program("python3")),
    ("util-linux", Program("setpriv")),
    ("libopus-dev", Library("opus")),
    ("libopusfile-dev", Library("opusfile")),
    ("libsoxr-dev", Library("soxr")),
];

/// Installs what is missing, or says the one line that does.
pub(crate) fn ensure() -> Result<()> {
    let missing: Vec<&str> =
        PACKAGES.iter().filter(|(_, sign)| !is_there(sign)).map(|(package, _)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let line = format!("apt-get install -y --no-install-recommends {}", missing.join(" "));
    let Some(prefix) = privileged() else {
        bail!("these system packages are missing and cannot be installed from here; run:\n\n  sudo {line}\n");
    };
    say(&format!("installing system packages: {}", missing.join(" ")));
    let run = |what: &str, words: &str| {
        let words: Vec<&str> = prefix.iter().copied().chain(words.split(' ')).collect();
        quietly(what, command(words[0], &words[1..]).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    run("apt-get update", "apt-get update -q")?;
    run("apt-get install", &line)
}

fn is_there(sign: &Sign) -> bool {
    match sign {
        Program(name) => find(name).is_some(),
        Library(name) => {
            command("pkg-config", ["--exists", name]).status().is_ok_and(|status| status.success())
        }
    }
}

/// What stands before a command that needs the system's rights; nothing when they cannot be had without asking.
fn privileged() -> Option<Vec<&'static str>> {
    find("apt-get")?;
    let me = command("id", ["-u"]).output().ok()?;
    if me.stdout.trim_ascii() == b"0" {
        return Some(Vec::new());
    }
    let may = command("sudo", ["-n", "true"]).output().is_ok_and(|output| output.status.success());
    may.then(|| vec!["sudo", "-n"])
}
