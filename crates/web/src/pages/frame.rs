//! What every page shares: its frame, how it is rendered, how forms are read,
//! how times and names are shown. Knows no single page.

use askama::Template;
use axum::Form;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::Timestamp;
use provisioning::psa::Kind;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::rights::{Module, Right};

use super::assets;
use super::flash;
use super::people::full_name;
pub(crate) use super::sentences::sentence;
use crate::auth::CurrentUser;
use crate::error::{Problem, Result};
use crate::front::escape;

/// What the base layout needs.
pub(crate) struct Frame {
    pub(crate) title: String,
    pub(crate) user: Option<String>,
    pub(crate) css: String,
    pub(crate) js: String,
    pub(crate) icon: String,
    pub(crate) nav: Vec<Group>,
    /// What the navigation calls where this page is.
    pub(crate) here: Option<&'static str>,
    /// What was just done.
    pub(crate) done: Option<&'static str>,
    pub(crate) is_admin: bool,
    /// Whether this is the page about whoever is signed in.
    pub(crate) is_me: bool,
}

/// Links that belong together.
pub(crate) struct Group {
    pub(crate) title: &'static str,
    pub(crate) links: Vec<Place>,
}

/// A link of the navigation.
pub(crate) struct Place {
    pub(crate) href: &'static str,
    pub(crate) label: &'static str,
    pub(crate) is_here: bool,
}

/// A place of the product: its key, address, label, and the right it needs.
type Known = (
    &'static str,
    &'static str,
    &'static str,
    Option<(Module, Reaches)>,
);

/// How far the right to view must reach for a place to be of use.
#[derive(Clone, Copy)]
enum Reaches {
    Something,
    Everything,
}

use Reaches::{Everything, Something};

const ADMIN: Option<(Module, Reaches)> = Some((Module::Admin, Everything));

/// What the MSP's own people see.
const INSIDE: &[(&str, &[Known])] = &[
    ("", &[("home", "/", "Home", None)]),
    (
        "HR",
        &[(
            "hr",
            "/hr/employees",
            "Employees",
            Some((Module::Hr, Everything)),
        )],
    ),
    (
        "CRM",
        &[
            (
                "accounts",
                "/crm/accounts",
                "Accounts",
                Some((Module::Crm, Everything)),
            ),
            (
                "crm",
                "/crm/contacts",
                "Contacts",
                Some((Module::Crm, Everything)),
            ),
        ],
    ),
    (
        "Service Desk",
        &[(
            "tickets",
            "/service-desk/tickets",
            "Tickets",
            Some((Module::ServiceDesk, Something)),
        )],
    ),
    (
        "Finance",
        &[(
            "invoices",
            "/finance/invoices",
            "Invoices",
            Some((Module::Finance, Something)),
        )],
    ),
    (
        "Provisioning",
        &[
            (
                "review",
                "/review",
                "Review queue",
                Some((Module::Admin, Everything)),
            ),
            ("runs", "/runs", "Runs", Some((Module::Admin, Everything))),
        ],
    ),
    (
        "Admin",
        &[
            (
                "provision",
                "/admin/my-company/auth-provision",
                "Auth & Provision",
                ADMIN,
            ),
            ("roles", "/admin/security-roles", "Security Roles", ADMIN),
            ("tokens", "/admin/api-tokens", "API tokens", ADMIN),
            ("webhooks", "/admin/webhooks", "Webhooks", ADMIN),
            ("audit", "/admin/audit", "Audit log", ADMIN),
            ("health", "/admin/health", "Health", ADMIN),
        ],
    ),
];

/// What a client's contact sees.
const PORTAL: &[(&str, &[Known])] = &[(
    "Client portal",
    &[
        (
            "tickets",
            "/portal",
            "Tickets",
            Some((Module::ServiceDesk, Something)),
        ),
        (
            "invoices",
            "/portal/invoices",
            "Invoices",
            Some((Module::Finance, Something)),
        ),
        ("me", "/me", "Profile", None),
    ],
)];

/// The groups of which somebody sees anything.
fn nav(section: &str, user: &CurrentUser) -> Vec<Group> {
    let all = match user.record.record.kind {
        Kind::Employee => INSIDE,
        Kind::Contact => PORTAL,
    };
    let sees = |needs: &Option<(Module, Reaches)>| match needs {
        None => true,
        Some((module, Something)) => user.rights.allows(*module, Right::View),
        Some((module, Everything)) => user.rights.allows_all(*module, Right::View),
    };
    let groups = all.iter().map(|(title, places)| Group {
        title,
        links: places
            .iter()
            .filter(|(.., needs)| sees(needs))
            .map(|(key, href, label, _)| Place {
                href,
                label,
                is_here: *key == section,
            })
            .collect(),
    });
    groups.filter(|group| !group.links.is_empty()).collect()
}

impl Frame {
    /// The frame of a page for somebody signed in, or for nobody.
    pub(crate) fn new(title: &str, section: &'static str, user: Option<&CurrentUser>) -> Self {
        let nav = user.map(|user| nav(section, user)).unwrap_or_default();
        let mut places = nav.iter().flat_map(|group| &group.links);
        let here = places.find(|place| place.is_here);
        Self {
            title: title.to_owned(),
            user: user.map(|user| full_name(&user.record.record)),
            css: assets::address("app.css"),
            js: assets::address("app.js"),
            icon: assets::address("icon.svg"),
            here: here.map(|place| place.label),
            done: flash::said(),
            nav,
            is_admin: user.is_some_and(|user| user.rights.allows_all(Module::Admin, Right::View)),
            is_me: section == "me",
        }
    }
}

/// Renders a page.
pub(crate) fn page(template: &impl Template) -> Result<Response> {
    let text = template
        .render()
        .map_err(|error| Problem::internal(&error))?;
    Ok(Html(text).into_response())
}

/// Leads the browser on after a form.
pub(crate) fn go(to: impl AsRef<str>) -> Response {
    Redirect::to(to.as_ref()).into_response()
}

/// Refuses whoever's security roles do not reach far enough.
pub(crate) fn needs(user: &CurrentUser, module: Module, right: Right) -> Result<()> {
    if user.rights.allows_all(module, right) {
        return Ok(());
    }
    let detail = format!(
        "your security roles do not give {} in {}",
        right.label(),
        module.label()
    );
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
        .cure("Ask an administrator for a security role that does."))
}

/// A form as the browser sent it; repeated names are kept.
pub(crate) struct Fields(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let form = Form::<Vec<(String, String)>>::from_request(request, state).await;
        form.map(|Form(pairs)| Self(pairs)).map_err(|error| {
            Problem::new(StatusCode::BAD_REQUEST, "unreadable", error.body_text())
                .cure("Go back and send the form again.")
        })
    }
}

impl Fields {
    /// The trimmed text of a field; blank is none.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let found = self.0.iter().find(|(known, _)| known == name);
        let text = found.map(|(_, value)| value.trim().to_owned());
        text.filter(|text| !text.is_empty())
    }

    /// Every value of a field.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        let found = self.0.iter().filter(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).collect()
    }

    /// A field's text exactly as typed: passwords.
    pub(crate) fn verbatim(&self, name: &str) -> String {
        self.all(name).into_iter().next().unwrap_or_default()
    }

    /// Whether a box is ticked.
    pub(crate) fn ticked(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// A field parsed from its text.
    pub(crate) fn parse<T: std::str::FromStr>(&self, name: &str, is: &str) -> Result<Option<T>> {
        let text = self.text(name);
        let parsed = text.map(|text| {
            let wrong = format!("{name}: `{text}` is not {is}");
            text.parse().map_err(|_| Problem::invalid(wrong))
        });
        parsed.transpose()
    }

    /// A choice by its name.
    pub(crate) fn choice<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T> {
        let Some(text) = self.text(name) else {
            return Ok(T::default());
        };
        let parsed = serde_json::from_value(Value::String(text.clone()));
        parsed.map_err(|_| Problem::invalid(format!("{name}: `{text}` is none of the choices")))
    }
}

/// A query of these pairs, blank ones left out; empty without any.
pub(crate) fn query(pairs: &[(&str, &str)]) -> String {
    let given = pairs.iter().filter(|(_, value)| !value.is_empty());
    let mut text = String::new();
    for (name, value) in given {
        text.push(if text.is_empty() { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        text.push_str(&escape(value));
    }
    text
}

/// The name of an enum's variant.
pub(crate) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(error) => error.to_string(),
    }
}

/// A moment as a person reads it.
pub(crate) fn at(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A moment that may not have come, with its distance from now.
pub(crate) fn ago(time: Option<Timestamp>, now: Timestamp) -> String {
    let Some(time) = time else {
        return "never".to_owned();
    };
    let seconds = now.duration_since(time).as_secs();
    match seconds {
        ..0 => at(time),
        0..=1 => "just now".to_owned(),
        2..=89 => format!("{seconds} seconds ago"),
        90..=5_399 => format!("{} minutes ago", (seconds + 30) / 60),
        5_400..=129_599 => format!("{} hours ago", (seconds + 1_800) / 3_600),
        _ => format!("{} days ago", (seconds + 43_200) / 86_400),
    }
}

/// An `<option>` or labelled box.
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) label: String,
    pub(crate) chosen: bool,
}

impl Choice {
    /// The choices of an enum-like list.
    pub(crate) fn list(all: &[(&str, &str)], chosen: &str) -> Vec<Self> {
        let one = |(value, label): &(&str, &str)| Self {
            value: (*value).to_owned(),
            label: (*label).to_owned(),
            chosen: *value == chosen,
        };
        all.iter().map(one).collect()
    }
}
