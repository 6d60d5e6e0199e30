//! Conversations with a mail server of our own.

use std::sync::{Arc, Mutex};

use engine::{Mail, Mailer as _, Undelivered};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::Smtp;
use crate::config::{self, Hidden, MailSecurity};

/// A mail server that says what a test wants to one verb, and yes to the others.
struct Server {
    port: u16,
    said: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn new(verb: &'static str, answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = said.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, verb, answer, heard.clone()));
            }
        });
        Self { port, said }
    }

    fn smtp(&self, security: MailSecurity) -> Smtp {
        let mail = config::Mail {
            host: Some("127.0.0.1".to_owned()),
            port: Some(self.port),
            security,
            username: Some("ada".to_owned()),
            password: Some(Hidden("a secret of ada".to_owned().into())),
            from: Some("rollcall@example.com".to_owned()),
        };
        Smtp::of(&mail).unwrap().unwrap()
    }

    fn heard(&self) -> String {
        self.said.lock().unwrap().join("\n")
    }
}

async fn talk(
    stream: TcpStream,
    verb: &'static str,
    answer: &'static str,
    heard: Arc<Mutex<Vec<String>>>,
) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let _ = write.write_all(b"220 mail.example.com\r\n").await;
    let mut in_body = false;
    while let Ok(Some(line)) = lines.next_line().await {
        heard.lock().unwrap().push(line.clone());
        let reply = match line.as_str() {
            "." if in_body => {
                in_body = false;
                if verb == "." { answer } else { "250 taken" }
            }
            _ if in_body => continue,
            line if line.starts_with(verb) => answer,
            line if line.starts_with("EHLO") => "250-mail.example.com\r\n250 AUTH PLAIN LOGIN",
            line if line.starts_with("AUTH") => "235 welcome",
            "DATA" => {
                in_body = true;
                "354 go on"
            }
            "QUIT" => "221 bye",
            _ => "250 fine",
        };
        if write
            .write_all(format!("{reply}\r\n").as_bytes())
            .await
            .is_err()
        {
            return;
        }
    }
}

fn mail(to: &str) -> Mail {
    Mail {
        to: to.to_owned(),
        subject: "[Rollcall] Fête: a sync waits".to_owned(),
        text: "Look at it.\n\nhttp://localhost:8080/runs/1\n.\nend\n".to_owned(),
    }
}

#[tokio::test]
async fn a_mail_is_handed_over_with_what_a_mail_needs() {
    let server = Server::new("nothing", "").await;
    let smtp = server.smtp(MailSecurity::None);
    assert_eq!(smtp.check().await, Ok(()));
    smtp.send(&mail("ops@example.com")).await.unwrap();
    let heard = server.heard();
    for part in [
        "MAIL FROM:<rollcall@example.com>",
        "RCPT TO:<ops@example.com>",
        "From: Rollcall <rollcall@example.com>",
        "To: ops@example.com",
        "Auto-Submitted: auto-generated",
        "Content-Type: text/plain; charset=utf-8",
        "Date: ",
        "http://localhost:8080/runs/1",
        "end",
    ] {
        assert!(heard.contains(part), "{part} in\n{heard}");
    }
    // RFC 2047: nothing but ASCII in headers.
    assert!(heard.contains("=?utf-8?"), "{heard}");
}

#[tokio::test]
async fn what_is_refused_for_now_or_for_ever_is_told_apart() {
    for (verb, answer, is_for_ever) in [
        ("RCPT", "450 busy", false),
        ("RCPT", "550 no such user", true),
        (".", "554 looks like spam", true),
        (".", "452 disk full", false),
        ("MAIL", "421 closing", false),
        ("AUTH", "535 wrong password", false),
    ] {
        let server = Server::new(verb, answer).await;
        let smtp = server.smtp(MailSecurity::None);
        let refused = smtp.send(&mail("ops@example.com")).await.unwrap_err();
        let is_ever = matches!(refused, Undelivered::Ever(_));
        assert_eq!(is_ever, is_for_ever, "{answer}: {refused}");
        let told = refused.to_string();
        assert!(told.contains(&answer[4..]), "{told}");
        assert!(!told.contains("a secret"), "{told}");
    }
}

#[tokio::test]
async fn without_starttls_nothing_is_said_in_the_clear() {
    let server = Server::new("nothing", "").await;
    let smtp = server.smtp(MailSecurity::StartTls);
    let refused = smtp.send(&mail("ops@example.com")).await.unwrap_err();
    assert!(matches!(refused, Undelivered::Now(_)), "{refused}");
    let heard = server.heard();
    assert!(
        !heard.contains("AUTH") && !heard.contains("MAIL"),
        "{heard}"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let server = Server {
        port,
        said: Arc::default(),
    };
    let smtp = server.smtp(MailSecurity::None);
    let refused = smtp.send(&mail("ops@example.com")).await.unwrap_err();
    assert!(matches!(refused, Undelivered::Now(_)), "{refused}");
    assert!(smtp.check().await.is_err());
}
