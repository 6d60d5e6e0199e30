//! The settings of a connection as its form has them: saved, or as they were
//! typed and refused. Key and certificate go in and never come out.

use engine::ConnectionChange;
use provisioning::limits::{Limit, Limits};
use secrecy::SecretString;
use store::connections::{Configuration, CredentialKind};

use super::super::frame::{Choice, Fields, word};
use super::{application_id, secret_ends};
use crate::error::{Problem, Result};

/// What the circuit breaker counts: its name in fields, and in words.
const LOSSES: [(&str, &str); 3] = [
    ("deactivate", "Deactivated"),
    ("archive", "Archived, being of the other kind now"),
    ("revoke", "Losing access or a security role"),
];

/// A row of the circuit breaker.
pub(super) struct LimitRow {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) count: String,
    pub(super) percent: String,
    pub(super) window: String,
}

/// The form.
pub(super) struct Settings {
    pub(super) application_id: String,
    pub(super) secret_ends: String,
    pub(super) has_certificate: bool,
    pub(super) emails: Vec<Choice>,
    pub(super) disabled: Vec<Choice>,
    pub(super) provision_employees: bool,
    pub(super) provision_contacts: bool,
    pub(super) auto_approve: bool,
    pub(super) has_own_limits: bool,
    pub(super) limits: Vec<LimitRow>,
    /// What holds for connections without limits of their own.
    pub(super) shared: String,
}

impl Settings {
    /// As they are saved. `shared` are the limits of every connection.
    pub(super) fn of(saved: &Configuration, shared: &Limits) -> Self {
        let limits = saved.limits.as_ref().unwrap_or(shared);
        Self {
            application_id: saved.application_id.clone(),
            secret_ends: saved
                .secret_expires_at
                .map(|at| at.strftime("%Y-%m-%d").to_string())
                .unwrap_or_default(),
            has_certificate: saved.credential == CredentialKind::Certificate,
            emails: emails(&word(&saved.email_source)),
            disabled: disabled(&word(&saved.on_disabled)),
            provision_employees: saved.provision_employees,
            provision_contacts: saved.provision_contacts,
            auto_approve: saved.auto_approve,
            has_own_limits: saved.limits.is_some(),
            limits: rows(limits),
            shared: in_words(shared),
        }
    }

    /// As they came back with the form.
    pub(super) fn keep(&mut self, fields: &Fields) {
        let text = |name: &str| fields.text(name).unwrap_or_default();
        self.application_id = text("application_id");
        self.secret_ends = text("secret_ends");
        self.emails = emails(&text("email_source"));
        self.disabled = disabled(&text("on_disabled"));
        self.provision_employees = fields.ticked("provision_employees");
        self.provision_contacts = fields.ticked("provision_contacts");
        self.auto_approve = fields.ticked("auto_approve");
        if let Some(whose) = fields.text("limits") {
            self.has_own_limits = whose == "own";
            for row in &mut self.limits {
                row.count = text(&format!("{}_count", row.name));
                row.percent = text(&format!("{}_percent", row.name));
                row.window = text(&format!("{}_window", row.name));
            }
        }
    }
}

pub(super) fn emails(chosen: &str) -> Vec<Choice> {
    let all = [("upn", "User Principal Name"), ("mail", "mail attribute")];
    Choice::list(&all, chosen)
}

pub(super) fn disabled(chosen: &str) -> Vec<Choice> {
    let all = [
        ("deactivate", "deactivates the record"),
        ("ignore", "is ignored"),
    ];
    Choice::list(&all, chosen)
}

fn of<'a>(limits: &'a Limits, name: &str) -> &'a Limit {
    match name {
        "deactivate" => &limits.deactivate,
        "archive" => &limits.archive,
        _ => &limits.revoke,
    }
}

/// The window as people write it, `24h`.
fn window(limit: &Limit) -> String {
    let written = serde_json::to_value(limit).ok();
    let text = written.and_then(|limit| limit.get("window")?.as_str().map(str::to_owned));
    text.unwrap_or_default()
}

fn rows(limits: &Limits) -> Vec<LimitRow> {
    let row = |(name, label): (&'static str, &'static str)| {
        let limit = of(limits, name);
        LimitRow {
            name,
            label,
            count: limit.count.to_string(),
            percent: limit.percent.to_string(),
            window: window(limit),
        }
    };
    LOSSES.into_iter().map(row).collect()
}

fn in_words(limits: &Limits) -> String {
    let one = |(name, label): (&str, &str)| {
        let limit = of(limits, name);
        let (label, count, percent) = (label.to_lowercase(), limit.count, limit.percent);
        format!(
            "{label}: {count} people or {percent} % in {}",
            window(limit)
        )
    };
    super::super::words::capital(&LOSSES.map(one).join("; "))
}

/// What the form changes.
pub(super) fn change(fields: &Fields) -> Result<ConnectionChange> {
    Ok(ConnectionChange {
        application_id: application_id(fields)?,
        application_key: fields.text("application_key").map(SecretString::from),
        certificate: certificate(fields)?,
        secret_expires_at: Some(secret_ends(fields)?),
        email_source: Some(fields.choice("email_source")?),
        on_disabled: Some(fields.choice("on_disabled")?),
        provision_employees: Some(fields.ticked("provision_employees")),
        provision_contacts: Some(fields.ticked("provision_contacts")),
        auto_approve: Some(fields.ticked("auto_approve")),
        limits: limits(fields)?,
        ..ConnectionChange::default()
    })
}

fn certificate(fields: &Fields) -> Result<Option<SecretString>> {
    let Some(text) = fields.text("certificate") else {
        return Ok(None);
    };
    if fields.text("application_key").is_some() {
        return Err(
            Problem::invalid("either a new key or a new certificate, not both")
                .cure("Leave one of them empty: the connection proves itself with the other."),
        );
    }
    let has = |what: &str| text.contains(&format!("{what}-----"));
    if !has("BEGIN CERTIFICATE") || !has("PRIVATE KEY") {
        return Err(Problem::invalid(
            "the certificate is not a certificate with its private key in PEM",
        )
        .cure("Paste both parts, each with its BEGIN and END lines."));
    }
    Ok(Some(SecretString::from(text)))
}

/// `Some(None)`: those of every connection; `None`: the form did not ask.
fn limits(fields: &Fields) -> Result<Option<Option<Limits>>> {
    match fields.text("limits").as_deref() {
        None => Ok(None),
        Some("own") => Ok(Some(Some(Limits {
            deactivate: limit(fields, LOSSES[0])?,
            archive: limit(fields, LOSSES[1])?,
            revoke: limit(fields, LOSSES[2])?,
        }))),
        Some(_) => Ok(Some(None)),
    }
}

fn limit(fields: &Fields, (name, label): (&str, &str)) -> Result<Limit> {
    let missing = |what: &str| Problem::invalid(format!("{label}: {what} is missing"));
    let wrong = |what: &str, text: &str, is: &str| {
        Problem::invalid(format!("{label}: {what} “{text}” is not {is}"))
    };
    let text = |part: &str, what: &str| {
        let typed = fields.text(&format!("{name}_{part}"));
        typed.ok_or_else(|| missing(what))
    };
    let (count, percent) = (text("count", "the number")?, text("percent", "the share")?);
    let window = text("window", "the window")?;
    let share: Option<f64> = percent.parse().ok();
    let share = share.filter(|share| (0.0..=100.0).contains(share));
    let whole = serde_json::json!({ "window": window });
    let Limit { window_seconds, .. } = serde_json::from_value(whole)
        .map_err(|_| wrong("the window", &window, "a duration such as 24h"))?;
    if window_seconds == 0 {
        return Err(wrong("the window", &window, "longer than nothing"));
    }
    Ok(Limit {
        count: count
            .parse()
            .map_err(|_| wrong("the number", &count, "a number of people"))?,
        percent: share.ok_or_else(|| wrong("the share", &percent, "between 0 and 100"))?,
        window_seconds,
    })
}
