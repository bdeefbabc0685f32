//! Where the local stack keeps its things: all under `target/local`.

use std::path::{Path, PathBuf};

use servers::workspace_root;

/// Directories and files of one stack.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Default for Layout {
    /// `target/local` of this checkout.
    fn default() -> Self {
        Self::at(workspace_root().join("target/local"))
    }
}

impl Layout {
    /// Everything under `root`.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Creates the directories.
    ///
    /// # Errors
    /// When one cannot be created.
    pub fn create(&self) -> std::io::Result<()> {
        for dir in [self.logs(), self.journals(), self.servers(), self.calls()] {
            std::fs::create_dir_all(dir)?;
        }
        Ok(())
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The description of the running stack.
    #[must_use]
    pub fn stack_file(&self) -> PathBuf {
        self.root.join("stack.json")
    }

    /// The table, kept from one start to the next.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.root.join("dynamodb.sqlite")
    }

    /// Logs of every process.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Journals of the agent.
    #[must_use]
    pub fn journals(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// Configurations of the servers.
    #[must_use]
    pub fn servers(&self) -> PathBuf {
        self.root.join("servers")
    }

    /// The phones' own files, one directory a call.
    #[must_use]
    pub fn calls(&self) -> PathBuf {
        self.root.join("calls")
    }
}
