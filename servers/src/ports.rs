//! Free ports of 127.0.0.1.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};

use anyhow::{Context, Result, bail};

/// How many ports are tried before giving up: a port free for TCP is nearly always free for UDP too.
const TRIES: usize = 50;

/// A TCP port nobody listens on. Somebody else may take it before its user does; start again then.
///
/// # Errors
/// When the system has no free port.
pub fn free_tcp_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free TCP port")?;
    Ok(listener.local_addr()?.port())
}

/// A UDP port nobody uses.
///
/// # Errors
/// When the system has no free port.
pub fn free_udp_port() -> Result<u16> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("no free UDP port")?;
    Ok(socket.local_addr()?.port())
}

/// A port free for TCP and for UDP: SIP answers on both.
pub(crate) fn free_port_for_both() -> Result<u16> {
    for _ in 0..TRIES {
        let port = free_tcp_port()?;
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free for TCP and UDP after {TRIES} tries")
}
