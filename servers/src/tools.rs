//! Where the programs are that we start but did not write.

use std::path::{Path, PathBuf};

/// A program of somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// Debian's `redis-server`.
    Redis,
    /// livekit-server, built from `servers/go.mod`.
    LivekitServer,
    /// livekit-sip, built from `servers/go.mod`.
    LivekitSip,
    /// Debian's `baresip-core`, the SIP phone.
    Baresip,
    /// Debian's `espeak-ng`, which speaks the caller's words.
    EspeakNg,
    /// Python of `target/venv`, with LiveKit's SDK.
    Python,
    /// cargo-lambda of `target/venv`, the Lambda emulator.
    CargoLambda,
}

/// A tool that is not installed.
#[derive(Debug, PartialEq, Eq)]
pub struct Missing(pub Tool);

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is missing: run `cargo xtask setup`", self.0.name())
    }
}

impl std::error::Error for Missing {}

impl Tool {
    /// The program's file name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis-server",
            Self::LivekitServer => "livekit-server",
            Self::LivekitSip => "livekit-sip",
            Self::Baresip => "baresip",
            Self::EspeakNg => "espeak-ng",
            Self::Python => "python",
            Self::CargoLambda => "cargo-lambda",
        }
    }

    /// The program's path.
    ///
    /// # Errors
    /// [`Missing`], with what to do, when it is not installed.
    pub fn path(self) -> Result<PathBuf, Missing> {
        let found = match self {
            Self::LivekitServer | Self::LivekitSip => existing(&servers_dir().join(self.name())),
            Self::Python | Self::CargoLambda => {
                existing(&workspace_root().join("target/venv/bin").join(self.name()))
            }
            Self::Redis | Self::Baresip | Self::EspeakNg => in_path(self.name()),
        };
        found.ok_or(Missing(self))
    }
}

/// The checkout this was built from: the tools and recordings are under its `target/`.
#[must_use]
pub fn workspace_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

fn servers_dir() -> PathBuf {
    workspace_root().join("target/servers")
}

fn existing(path: &Path) -> Option<PathBuf> {
    path.is_file().then(|| path.to_path_buf())
}

/// Looks a program up as a shell does.
pub(crate) fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find_map(|dir| existing(&dir.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_says_its_name_and_the_line_to_run() {
        assert_eq!(Missing(Tool::Baresip).to_string(), "baresip is missing: run `cargo xtask setup`");
    }
}
