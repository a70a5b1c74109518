//! The service manager that started this process, if one did: systemd is told by datagrams (`sd_notify`) that the service is
//! ready, turns, or stops. Nobody is asked, and a manager that does not listen is no failure.

use std::os::{
    linux::net::SocketAddrExt as _,
    unix::net::{SocketAddr, UnixDatagram},
};

use anyhow::Context as _;

/// Nobody, where nobody listens.
#[derive(Debug, Default)]
pub struct Manager(Option<UnixDatagram>);

impl Manager {
    /// `address` is what the manager left in `NOTIFY_SOCKET`: a path, or `@` and an abstract name.
    pub fn find(address: Option<&str>) -> Self {
        let Some(address) = address else { return Self(None) };
        match connect(address) {
            Ok(socket) => Self(Some(socket)),
            Err(error) => {
                tracing::warn!(error = %format!("{error:#}"), "the service manager cannot be told how it goes");
                Self(None)
            }
        }
    }

    pub fn ready(&self) {
        self.say("READY=1");
    }

    /// It turns; `status` is for whoever asks the manager.
    pub fn turning(&self, status: &str) {
        self.say(&format!("WATCHDOG=1\nSTATUS={}", status.lines().next().unwrap_or_default()));
    }

    pub fn stopping(&self) {
        self.say("STOPPING=1");
    }

    fn say(&self, words: &str) {
        if let Some(socket) = &self.0
            && let Err(error) = socket.send(words.as_bytes())
        {
            tracing::debug!(%error, "the service manager did not hear it");
        }
    }
}

fn connect(address: &str) -> anyhow::Result<UnixDatagram> {
    let named = match address.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(address),
    };
    let socket = UnixDatagram::unbound()?;
    // A manager that is slow must not hold up the service.
    socket.set_nonblocking(true)?;
    socket.connect_addr(&named.context(address.to_owned())?).context(address.to_owned())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_is_told_by_path_or_abstract_name_and_one_that_is_gone_is_no_failure() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("notify");
        let name = format!("duskwatch-{}", std::process::id());
        let by_name = SocketAddr::from_abstract_name(&name).expect("a name");
        for (address, listener) in [
            (path.display().to_string(), UnixDatagram::bind(&path).expect("a socket")),
            (format!("@{name}"), UnixDatagram::bind_addr(&by_name).expect("a socket")),
        ] {
            let manager = Manager::find(Some(&address));
            manager.ready();
            manager.turning("log/a: never read\nlog/b: never read");
            manager.stopping();
            let mut heard = [0; 100];
            let said: Vec<_> = (0..3)
                .map(|_| {
                    let length = listener.recv(&mut heard).expect("a datagram");
                    String::from_utf8_lossy(&heard[..length]).into_owned()
                })
                .collect();
            assert_eq!(said, ["READY=1", "WATCHDOG=1\nSTATUS=log/a: never read", "STOPPING=1"]);
            drop(listener);
            manager.stopping();
        }
        Manager::find(Some("/nowhere/at/all")).ready();
        Manager::find(None).ready();
    }
}
