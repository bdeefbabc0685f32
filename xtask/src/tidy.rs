//! What machines can put right.

use anyhow::Result;

use crate::shell::{cargo, openly};

/// Formats, and applies clippy's own corrections.
pub(crate) fn all() -> Result<()> {
    openly("format", &mut cargo(["fmt", "--all"]))?;
    openly(
        "clippy --fix",
        &mut cargo(["clippy", "--workspace", "--all-targets", "--fix", "--allow-dirty", "--allow-staged"]),
    )
}
