//! Small packets to PostgreSQL are sent at once.
//!
//! The driver as released (0.9.0) leaves Nagle's algorithm on, mended since in
//! its repository: <https://github.com/transact-rs/sqlx/issues/4335>. The end of
//! a `COPY` then waits until the server acknowledges the rows before it, which
//! takes forty milliseconds. The driver keeps its sockets to itself, so they are
//! looked for among the process's own. To be removed with the release that sets
//! the option: without it `contract/database.rs` tells.

/// Sets `TCP_NODELAY` on every socket of this process whose other end has this
/// port. A system that refuses loses speed and nothing else.
#[cfg(target_os = "linux")]
pub(crate) fn send_at_once(port: u16) {
    let set = sockets_to(port).and_then(|sockets| {
        for socket in &sockets {
            rustix::net::sockopt::set_tcp_nodelay(socket, true)?;
        }
        Ok(())
    });
    if let Err(error) = set {
        tracing::debug!("small packets to PostgreSQL are sent late: {error}");
    }
}

/// Nothing, elsewhere than on Linux.
#[cfg(not(target_os = "linux"))]
pub(crate) fn send_at_once(_port: u16) {}

/// The TCP sockets of this process whose other end has this port.
#[cfg(target_os = "linux")]
pub fn sockets_to(port: u16) -> std::io::Result<Vec<std::os::fd::OwnedFd>> {
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
    use std::net::SocketAddr;

    let this = pidfd_open(getpid(), PidfdFlags::empty())?;
    let mut sockets = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let number = entry?.file_name();
        let Some(number) = number.to_str().and_then(|text| text.parse().ok()) else {
            continue;
        };
        // Closed meanwhile, or no connected socket: not one of those.
        let Ok(file) = pidfd_getfd(&this, number, PidfdGetfdFlags::empty()) else {
            continue;
        };
        let Ok(Some(peer)) = rustix::net::getpeername(&file) else {
            continue;
        };
        if SocketAddr::try_from(peer).is_ok_and(|peer| peer.port() == port) {
            sockets.push(file);
        }
    }
    Ok(sockets)
}
