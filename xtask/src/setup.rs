//! Everything a fresh machine lacks. Each step looks first, and does nothing where its work is done.

use anyhow::Result;

use crate::{python, servers, system};

/// System packages, Python environment, Go servers.
pub(crate) fn all() -> Result<()> {
    system::ensure()?;
    python::TOOLS.ensure()?;
    servers::ensure()
}
