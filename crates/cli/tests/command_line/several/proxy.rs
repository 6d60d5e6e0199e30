//! The way between one process and the database, which the test can cut, slow
//! down and make swallow everything.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What becomes of what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It arrives.
    Open,
    /// Each piece arrives so much later.
    Slow(Duration),
    /// Connections are closed, new ones at once.
    Cut,
    /// Nothing arrives, and nobody is told: connections that were there or are
    /// made meanwhile stay, and never work again.
    Silent,
}

/// Passes connections on until it is dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    way: watch::Sender<Way>,
    passing: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.passing.abort();
    }
}

impl Proxy {
    /// A way to this host and port.
    pub(crate) async fn new(target: String) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), target)
    }

    /// A way from here to this host and port.
    pub(crate) fn on(listener: TcpListener, target: String) -> Self {
        let address = listener.local_addr().unwrap();
        let (way, watched) = watch::channel(Way::Open);
        let passing = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (from, _) = listener.accept().await.unwrap();
                connections.spawn(connection(from, target.clone(), watched.clone()));
            }
        });
        Self {
            address,
            way,
            passing,
        }
    }

    pub(crate) fn is(&self, way: Way) {
        self.way.send_replace(way);
    }
}

async fn connection(mut from: TcpStream, target: String, way: watch::Receiver<Way>) {
    let mut cut = way.clone();
    let both_ways = async {
        let mut to = TcpStream::connect(target).await?;
        to.set_nodelay(true)?;
        from.set_nodelay(true)?;
        let ((read, write), (there, back)) = (from.split(), to.split());
        // Either end's end is the other's.
        tokio::select! {
            ended = pass(read, back, way.clone()) => ended?,
            ended = pass(there, write, way.clone()) => ended?,
            // Both connections stay as they are.
            () = silence(way.clone()) => std::future::pending().await,
        }
        std::io::Result::Ok(())
    };
    tokio::select! {
        // Whoever is cut off may see an error first: the process sees the same.
        _ = both_ways => {}
        _ = cut.wait_for(|way| *way == Way::Cut) => {}
    }
}

async fn silence(mut way: watch::Receiver<Way>) {
    // When the proxy is gone, so is this.
    let _ = way.wait_for(|way| *way == Way::Silent).await;
}

async fn pass(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    way: watch::Receiver<Way>,
) -> std::io::Result<()> {
    let mut piece = vec![0; 1 << 16];
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return Ok(());
        }
        let way = *way.borrow();
        if let Way::Slow(delay) = way {
            tokio::time::sleep(delay).await;
        }
        to.write_all(&piece[..length]).await?;
    }
}
