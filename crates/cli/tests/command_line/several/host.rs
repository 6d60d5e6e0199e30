//! A host of its own for one process: a network namespace with a cable to this
//! one that can be pulled. Where the machine does not allow that, there is none.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The host.
pub(crate) struct Host {
    name: String,
    /// This end of the cable.
    cable: String,
    /// What this machine is called there.
    pub(crate) here: Ipv4Addr,
}

impl Drop for Host {
    fn drop(&mut self) {
        // Whatever is there goes, also after a half-made start.
        ip(&["link", "delete", &self.cable]);
        ip(&["netns", "delete", &self.name]);
    }
}

impl Host {
    /// Makes it; `None` where namespaces are not to be had.
    pub(crate) fn new() -> Option<Self> {
        let process = std::process::id();
        let [.., high, low] = (process << 2).to_be_bytes();
        let (here, there) = (low & 0xfc | 1, low & 0xfc | 2);
        let host = Self {
            name: format!("rollcall-{process}"),
            cable: format!("rc{process}"),
            // Addresses that lead nowhere else (RFC 3927).
            here: Ipv4Addr::new(169, 254, high, here),
        };
        let (name, cable) = (host.name.as_str(), host.cable.as_str());
        let there_name = format!("{cable}x");
        let here = format!("{}/30", host.here);
        let there = format!("169.254.{high}.{there}/30");
        let steps: [&[&str]; 8] = [
            &["netns", "add", name],
            &[
                "link",
                "add",
                cable,
                "type",
                "veth",
                "peer",
                "name",
                &there_name,
            ],
            &["link", "set", &there_name, "netns", name],
            &["address", "add", &here, "dev", cable],
            &["link", "set", cable, "up"],
            &["-n", name, "address", "add", &there, "dev", &there_name],
            &["-n", name, "link", "set", &there_name, "up"],
            &["-n", name, "link", "set", "lo", "up"],
        ];
        steps.iter().all(|step| ip(step)).then_some(host)
    }

    /// A command that runs there.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// Pulls the cable, or puts it back: packets are lost, and nobody is told.
    pub(crate) fn is_reached(&self, is_reached: bool) {
        let to = if is_reached { "up" } else { "down" };
        assert!(ip(&["link", "set", &self.cable, to]));
    }

    /// Listens on that host's own loopback interface.
    pub(crate) fn listen(&self, port: u16) -> TcpListener {
        let namespace = format!("/var/run/netns/{}", self.name);
        // A socket stays where it was made, and the thread ends.
        let made = std::thread::spawn(move || {
            let namespace = File::open(namespace).unwrap();
            let network = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), network).unwrap();
            TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).unwrap()
        });
        made.join().unwrap()
    }
}

/// Whether the command is there and did it.
fn ip(arguments: &[&str]) -> bool {
    let mut command = Command::new("ip");
    command.args(arguments).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
