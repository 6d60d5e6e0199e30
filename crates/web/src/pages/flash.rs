//! What was just done, said once on the page the browser is led to after a
//! form. The address carries a word, the page the sentence; knows which form
//! leads where, and nothing of what the forms do.

use axum::extract::Request;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

tokio::task_local! {
    /// What the page that is being answered has to say.
    static SAID: &'static str;
}

/// A form's address, the page it leads to, the word for it, and the sentence.
/// `*` stands for one part of a path.
type Done = (&'static str, &'static str, &'static str, &'static str);

/// Where connections and rules are made.
macro_rules! provision {
    ($rest:literal) => {
        concat!("/admin/my-company/auth-provision", $rest)
    };
}

#[rustfmt::skip]
const DONE: &[Done] = &[
    (provision!(""), provision!(""), "saved", "Auth & Provision is saved."),
    (provision!("/connections"), provision!("/connections/*"), "added", "The connection is added. Azure Connect is next."),
    (provision!("/connections/*"), provision!("/connections/*"), "saved", "The connection's settings are saved."),
    (provision!("/connections/*/remove"), provision!(""), "removed", "The connection is removed."),
    (provision!("/rules"), provision!(""), "rule-saved", "The rule is saved."),
    (provision!("/rules/*"), provision!(""), "rule-saved", "The rule is saved."),
    (provision!("/rules/*/delete"), provision!(""), "rule-deleted", "The rule is deleted."),
    ("/review/*", "/review", "answered", "Your answer is saved."),
    ("/crm/accounts", "/crm/accounts/*", "added", "The account is added."),
    ("/crm/accounts/*", "/crm/accounts/*", "saved", "The account is saved."),
    ("/crm/accounts/*", "/crm/accounts", "deleted", "The account is deleted."),
    ("/hr/employees/new", "/hr/employees/*", "added", "The employee is added."),
    ("/hr/employees/*/edit", "/hr/employees/*", "saved", "The employee is saved."),
    ("/crm/contacts/new", "/crm/contacts/*", "added", "The contact is added."),
    ("/crm/contacts/*/edit", "/crm/contacts/*", "saved", "The contact is saved."),
    ("/admin/security-roles", "/admin/security-roles/*", "added", "The security role is added."),
    ("/admin/security-roles/*", "/admin/security-roles/*", "saved", "The security role is saved."),
    ("/admin/security-roles/*", "/admin/security-roles", "deleted", "The security role is deleted."),
    ("/admin/api-tokens/*/revoke", "/admin/api-tokens", "revoked", "The token is revoked and works nowhere any more."),
    ("/admin/webhooks", "/admin/webhooks", "added", "The webhook is added."),
    ("/admin/webhooks/*", "/admin/webhooks/*", "saved", "The webhook is saved."),
    ("/admin/webhooks/*", "/admin/webhooks", "removed", "The webhook is removed."),
    ("/admin/webhooks/*/deliveries/*", "/admin/webhooks/*", "again", "It is sent again in a moment."),
];

fn fits(pattern: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    pattern.split('/').all(|wanted| match parts.next() {
        Some(part) => wanted == "*" && !part.is_empty() || wanted == part,
        None => false,
    }) && parts.next().is_none()
}

/// The sentence of a page that is led to.
fn sentence(path: &str, query: &str) -> Option<&'static str> {
    let word = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("done="))?;
    let found = DONE
        .iter()
        .find(|(_, to, known, _)| *known == word && fits(to, path));
    found.map(|(.., sentence)| *sentence)
}

/// Where a form leads, with the word for what it did.
fn led(from: &str, to: &str) -> Option<String> {
    let (path, query) = to.split_once('?').unwrap_or((to, ""));
    let mut all = DONE.iter();
    let (_, _, word, _) = all.find(|(form, page, ..)| fits(form, from) && fits(page, path))?;
    let between = if query.is_empty() { "" } else { "&" };
    Some(format!("{path}?{query}{between}done={word}"))
}

/// Says on a page what the form before it did.
pub(super) async fn say(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if request.method() == Method::POST {
        let mut response = next.run(request).await;
        let to = response
            .headers()
            .get(LOCATION)
            .and_then(|to| to.to_str().ok());
        let to = to.filter(|_| response.status() == StatusCode::SEE_OTHER);
        let to = to.and_then(|to| led(&path, to));
        if let Some(to) = to.and_then(|to| HeaderValue::from_str(&to).ok()) {
            response.headers_mut().insert(LOCATION, to);
        }
        return response;
    }
    match sentence(&path, request.uri().query().unwrap_or_default()) {
        Some(said) => SAID.scope(said, next.run(request)).await,
        None => next.run(request).await,
    }
}

/// What the page that is being answered has to say.
pub(super) fn said() -> Option<&'static str> {
    SAID.try_with(|said| *said).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_on_with_the_word_for_what_it_did() {
        let table = [
            (
                "/crm/accounts/7",
                "/crm/accounts/7",
                Some("/crm/accounts/7?done=saved"),
            ),
            (
                "/crm/accounts/7",
                "/crm/accounts",
                Some("/crm/accounts?done=deleted"),
            ),
            ("/crm/accounts/7", "/plans/9", None),
            (
                "/crm/accounts/7",
                "/crm/accounts/7?tab=x",
                Some("/crm/accounts/7?tab=x&done=saved"),
            ),
        ];
        for (from, to, expected) in table {
            assert_eq!(led(from, to).as_deref(), expected, "{from} -> {to}");
        }
    }

    #[test]
    fn a_page_says_what_fits_it_and_nothing_that_was_made_up() {
        let path = "/crm/accounts/7";
        assert_eq!(
            sentence(path, "tab=a&done=saved"),
            Some("The account is saved.")
        );
        assert_eq!(sentence(path, "done=deleted"), None);
        assert_eq!(sentence(path, "done=<b>"), None);
        assert_eq!(sentence("/crm/accounts/", "done=saved"), None);
    }

    #[test]
    fn every_word_of_a_page_means_one_thing() {
        for (at, (_, to, word, said)) in DONE.iter().enumerate() {
            let other = DONE[at + 1..]
                .iter()
                .find(|one| one.1 == *to && one.2 == *word);
            assert!(other.is_none_or(|one| one.3 == *said), "{word} on {to}");
        }
    }
}
