//! livekit-server and livekit-sip, pinned by `servers/go.mod` and built into `target/servers`.

use anyhow::{Context, Result, bail};

use crate::shell::{command, find, quietly, root, target};

/// Builds them when `go.mod` or `go.sum` changed since the last time.
pub(crate) fn ensure() -> Result<()> {
    let module = root().join("servers");
    let read = |name: &str| {
        std::fs::read_to_string(module.join(name)).with_context(|| format!("cannot read servers/{name}"))
    };
    let wanted = read("go.mod")? + &read("go.sum")?;
    let out = target("servers");
    let stamp = out.join("built-from.txt");
    let built = ["livekit-server", "livekit-sip"].iter().all(|name| out.join(name).is_file());
    if built && std::fs::read_to_string(&stamp).is_ok_and(|from| from == wanted) {
        return Ok(());
    }
    let Some(go) = find("go") else {
        bail!(
            "go is missing (1.26 or newer, see https://go.dev/dl): it builds livekit-server and livekit-sip"
        )
    };
    std::fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
    let mut build = command(go, ["build", "-mod=readonly", "-o", "../target/servers/", "tool"]);
    quietly("livekit-server and livekit-sip, some minutes the first time", build.current_dir(&module))?;
    std::fs::rename(out.join("server"), out.join("livekit-server"))
        .context("livekit-server was not built")?;
    std::fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}
