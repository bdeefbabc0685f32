//! Our own programs, as cargo built them beside this one.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// The path of the program `name`.
///
/// # Errors
/// When it was not built.
pub fn binary(name: &str) -> Result<PathBuf> {
    let dir = dir()?;
    let path = dir.join(name);
    if path.is_file() {
        return Ok(path);
    }
    bail!("{} is not built: run `cargo build --workspace --bins`", path.display())
}

/// `target/debug`: where this program is, or above it when this is a test in `target/debug/deps`.
fn dir() -> Result<PathBuf> {
    let program = std::env::current_exe().context("cannot find this program's own path")?;
    let dir = program.parent().context("this program has no directory")?;
    let dir = if dir.ends_with("deps") { dir.parent().unwrap_or(dir) } else { dir };
    Ok(dir.to_path_buf())
}
