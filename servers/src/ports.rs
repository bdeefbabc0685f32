//! Free ports of 127.0.0.1.
//!
//! They are taken from below the range that the system gives to outgoing connections (Linux: `net.ipv4.ip_local_port_range`,
//! 32768 to 60999). A port of that range is lost to any connection that begins before its user listens; one that is tried too
//! early even connects to itself. RTP has a range of its own, between the two.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

use anyhow::{Result, bail};

/// Lower ports are often some service's.
const LOWEST: u16 = 10_000;
/// livekit-sip's ports for RTP begin here.
pub(crate) const RTP_FROM: u16 = 20_000;
/// How many ports are tried before giving up.
const TRIES: u16 = 2000;

/// The next port of this process.
static NEXT: AtomicU16 = AtomicU16::new(0);

/// A TCP port nobody listens on. Another process may take it before its user does; start again then.
///
/// # Errors
/// When no port is free.
pub fn free_tcp_port() -> Result<u16> {
    free_port(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
}

/// A UDP port nobody uses.
///
/// # Errors
/// When no port is free.
pub fn free_udp_port() -> Result<u16> {
    free_port(|port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
}

/// A port free for TCP and for UDP: SIP answers on both.
pub(crate) fn free_port_for_both() -> Result<u16> {
    free_port(|port| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
            && UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
    })
}

fn free_port(is_free: impl Fn(u16) -> bool) -> Result<u16> {
    let span = u32::from(RTP_FROM - LOWEST);
    // Processes that run side by side begin at different places.
    let begin = std::process::id().wrapping_mul(61) % span;
    for _ in 0..TRIES {
        let place = (begin + u32::from(NEXT.fetch_add(1, Relaxed))) % span;
        let port = LOWEST + u16::try_from(place)?;
        if is_free(port) {
            return Ok(port);
        }
    }
    bail!("no free port from {LOWEST} on after {TRIES} tries")
}
