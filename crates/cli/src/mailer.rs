//! Hands mail to the mail server of the configuration (SMTP, RFC 5321). Knows
//! nothing of what the mails are about.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context as _, Result};
use engine::{Mail, Mailer, Undelivered};
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use secrecy::ExposeSecret as _;

use crate::config::{self, MailSecurity};

/// Whichever step of the conversation takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// A mail server.
pub(crate) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Smtp {
    /// The mail server of the configuration, when there is one.
    pub(crate) fn of(mail: &config::Mail) -> Result<Option<Self>> {
        let (Some(host), Some(from)) = (&mail.host, &mail.from) else {
            return Ok(None);
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host);
        let tls = || TlsParameters::new(host.clone()).context("mail.host: TLS cannot be set up");
        let (tls, port) = match mail.security {
            MailSecurity::StartTls => (Tls::Required(tls()?), 587),
            MailSecurity::Tls => (Tls::Wrapper(tls()?), 465),
            MailSecurity::None => (Tls::None, 25),
        };
        let mut builder = builder
            .tls(tls)
            .port(mail.port.unwrap_or(port))
            .timeout(Some(PATIENCE));
        if let (Some(username), Some(password)) = (&mail.username, &mail.password) {
            let password = password.0.expose_secret().to_owned();
            builder = builder.credentials(Credentials::new(username.clone(), password));
        }
        Ok(Some(Self {
            transport: builder.build(),
            from: Mailbox::new(
                Some("Rollcall".to_owned()),
                from.parse()
                    .context("mail.from: this is no email address")?,
            ),
        }))
    }

    /// Whether the mail server answers and lets us in; nothing is sent.
    pub(crate) async fn check(&self) -> Result<(), String> {
        match self.transport.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err("the mail server hung up".to_owned()),
            Err(error) => Err(words(&error)),
        }
    }

    fn message(&self, mail: &Mail) -> Result<Message, Undelivered> {
        let hopeless = |what: String| Undelivered::Ever(what);
        let to = mail.to.parse().map(|address| Mailbox::new(None, address));
        let to = to.map_err(|error| hopeless(format!("{}: {error}", mail.to)))?;
        MessageBuilder::new()
            .from(self.from.clone())
            .to(to)
            .subject(&mail.subject)
            // No answer of a machine to a machine (RFC 3834).
            .header(AutoSubmitted)
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.clone())
            .map_err(|error| hopeless(error.to_string()))
    }
}

impl Mailer for Smtp {
    fn send<'a>(
        &'a self,
        mail: &'a Mail,
    ) -> Pin<Box<dyn Future<Output = Result<(), Undelivered>> + Send + 'a>> {
        Box::pin(async move {
            let message = self.message(mail)?;
            match self.transport.send(message).await {
                Ok(_) => Ok(()),
                Err(error) if is_hopeless(&error) => Err(Undelivered::Ever(words(&error))),
                Err(error) => Err(Undelivered::Now(words(&error))),
            }
        })
    }
}

/// Whether trying again is of no use. A refused sign-in (53x, RFC 4954) is: the
/// configuration can be mended.
fn is_hopeless(error: &lettre::transport::smtp::Error) -> bool {
    let code = error.status().map(u16::from);
    error.is_permanent() && !code.is_some_and(|code| (530..540).contains(&code))
}

/// An error with what is behind it.
fn words(error: &lettre::transport::smtp::Error) -> String {
    let mut text = format!("the mail server: {error}");
    let mut behind = std::error::Error::source(error);
    while let Some(cause) = behind {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        behind = cause.source();
    }
    text
}

/// `Auto-Submitted: auto-generated`.
#[derive(Clone)]
struct AutoSubmitted;

impl lettre::message::header::Header for AutoSubmitted {
    fn name() -> lettre::message::header::HeaderName {
        lettre::message::header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> lettre::message::header::HeaderValue {
        lettre::message::header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests;
