//! The server on a real socket, and clients that keep it waiting.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use web::{AppState, ServeLimits, WebOptions};

use crate::world::World;

/// Longer than any limit of these tests.
const PATIENCE: Duration = Duration::from_secs(20);
const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    served: JoinHandle<std::io::Result<()>>,
}

impl Server {
    async fn new(limits: ServeLimits) -> Self {
        let world = World::new().await;
        let state = AppState::new(world.engine.clone(), WebOptions::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let served = web::serve_within(limits, listener, state, stop.clone());
        Self {
            address,
            stop,
            served: tokio::spawn(served),
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

fn limits(millis: u64) -> ServeLimits {
    ServeLimits {
        head: Duration::from_millis(millis),
        idle: Duration::from_millis(millis),
        ..ServeLimits::default()
    }
}

/// Whether the server closes the connection by itself; what it said before.
async fn closed(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut said)).await;
    // A reset closes it too.
    let _ = ended.expect("the connection stays open");
    String::from_utf8_lossy(&said).into_owned()
}

async fn answered(stream: &mut TcpStream) -> String {
    let mut said = vec![0; 4096];
    let count = timeout(PATIENCE, stream.read(&mut said)).await;
    let count = count.expect("no answer").unwrap();
    String::from_utf8_lossy(&said[..count]).into_owned()
}

#[tokio::test]
async fn a_client_that_never_ends_its_request_is_closed_in_every_state() {
    let server = Server::new(limits(300)).await;
    for begun in [
        &b""[..],
        b"P",
        b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n",
        b"PRI * HTTP/2.0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        // HTTP/2 with its settings, and then nothing.
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    ] {
        let mut stream = server.connect().await;
        stream.write_all(begun).await.unwrap();
        let said = closed(&mut stream).await;
        assert!(!said.contains("200 OK"), "{begun:?}: {said}");
    }
}

#[tokio::test]
async fn a_client_that_sends_letter_by_letter_is_closed_all_the_same() {
    let server = Server::new(limits(400)).await;
    let mut stream = server.connect().await;
    let slow = async {
        let (mut from, mut to) = stream.split();
        let sending = async {
            for letter in REQUEST.iter().cycle() {
                if *letter != b'\n' && to.write_all(&[*letter]).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
        };
        let mut said = Vec::new();
        tokio::select! {
            () = sending => {}
            _ = from.read_to_end(&mut said) => {}
        }
    };
    timeout(PATIENCE, slow)
        .await
        .expect("the connection stays open");
}

#[tokio::test]
async fn a_connection_is_used_again_until_it_rests_too_long() {
    let server = Server::new(limits(1_000)).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        stream.write_all(REQUEST).await.unwrap();
        assert!(answered(&mut stream).await.starts_with("HTTP/1.1 200"));
    }
    assert_eq!(closed(&mut stream).await, "");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_place() {
    let server = Server::new(ServeLimits {
        connections: 1,
        ..limits(10_000)
    })
    .await;
    let mut first = server.connect().await;
    first.write_all(REQUEST).await.unwrap();
    assert!(answered(&mut first).await.contains("200 OK"));
    let mut second = server.connect().await;
    second.write_all(REQUEST).await.unwrap();
    let mut said = [0; 64];
    let early = timeout(Duration::from_millis(300), second.read(&mut said)).await;
    assert!(early.is_err(), "answered beyond the limit");
    drop(first);
    assert!(answered(&mut second).await.contains("200 OK"));
}

#[tokio::test]
async fn stopping_does_not_wait_for_connections_that_rest() {
    let server = Server::new(limits(60_000)).await;
    let mut resting = server.connect().await;
    resting.write_all(REQUEST).await.unwrap();
    assert!(answered(&mut resting).await.contains("200 OK"));
    server.stop.cancel();
    let served = timeout(PATIENCE, server.served).await;
    served.expect("it goes on").unwrap().unwrap();
}
