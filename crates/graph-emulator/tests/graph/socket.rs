//! Over a socket: the program's ready line, broken connections, real notifications.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// The program, ended with the test.
struct Program {
    child: Child,
    ready: Value,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_graph-emulator"))
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        Self {
            child,
            ready: serde_json::from_str(&line).unwrap(),
        }
    }

    fn address(&self) -> String {
        let base = self.ready["base_url"].as_str().unwrap();
        base.split("://").nth(1).unwrap().to_owned()
    }

    /// Everything that comes back on a connection of its own.
    fn exchange(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}",
            self.address()
        )
        .unwrap();
        let mut answer = Vec::new();
        // A connection that is cut may end in an error; what came before it counts.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }
}

#[test]
fn the_program_says_once_where_it_is() {
    let program = Program::start(&["--seed", "3"]);
    assert!(
        program.ready["base_url"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:")
    );
    assert_eq!(program.ready["ca_file"], Value::Null);
    assert!(
        program
            .exchange("GET", "/emulator", "")
            .contains("Graph emulator")
    );
}

#[test]
fn with_tls_it_names_its_authority() {
    let directory =
        std::env::temp_dir().join(format!("graph-emulator-test-{}", std::process::id()));
    let program = Program::start(&["--tls", "--tls-directory", directory.to_str().unwrap()]);
    assert!(
        program.ready["base_url"]
            .as_str()
            .unwrap()
            .starts_with("https://127.0.0.1:")
    );
    let authority = std::fs::read_to_string(program.ready["ca_file"].as_str().unwrap()).unwrap();
    assert!(authority.starts_with("-----BEGIN CERTIFICATE-----"));
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_dropped_connection_gives_nothing_and_a_cut_body_less_than_promised() {
    let program = Program::start(&[]);
    let plan = |effect: Value| {
        let fault = json!({"match": {"path": "/v1.0/users"}, "effect": effect}).to_string();
        assert!(
            program
                .exchange("POST", "/emulator/v1/faults", &fault)
                .contains("201 Created")
        );
    };
    plan(json!({"drop": true}));
    assert_eq!(program.exchange("GET", "/v1.0/users", ""), "");
    plan(json!({"truncate": true}));
    let cut = program.exchange("GET", "/v1.0/users", "");
    let (head, body) = cut.split_once("\r\n\r\n").unwrap();
    let promised = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    let promised: usize = promised.trim().parse().unwrap();
    assert!(
        !body.is_empty() && body.len() < promised,
        "{} of {promised}",
        body.len()
    );
    assert!(
        program
            .exchange("GET", "/v1.0/users", "")
            .contains("401 Unauthorized")
    );
}

#[test]
fn a_bad_scenario_is_refused_at_start() {
    let output = Command::new(env!("CARGO_BIN_EXE_graph-emulator"))
        .args(["--scenario", "/nonexistent.toml"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("nonexistent.toml")
    );
}
