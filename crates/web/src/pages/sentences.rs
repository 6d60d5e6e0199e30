//! Words of the API as people read them on pages: sentences, and the names of
//! fields as the forms call them.

/// Fields of the API and of forms, and what the pages call them.
const LABELS: &[(&str, &str)] = &[
    ("account_id", "Account"),
    ("application_id", "Application ID"),
    ("application_key", "Application Key"),
    ("assignee_id", "Assignee"),
    ("body", "Text"),
    ("connection_id", "Tenant"),
    ("contact_id", "Contact"),
    ("days", "Ends after days"),
    ("department", "Department"),
    ("description", "Description"),
    ("email", "Email"),
    ("employee_id", "Employee id"),
    ("employee_role", "Employee Role"),
    ("employment_type", "Employment type"),
    ("events", "Events"),
    ("exclude", "Leave out"),
    ("expires_at", "Ends"),
    ("first_name", "First name"),
    ("from", "From"),
    ("group_id", "Group Object ID"),
    ("job_title", "Job title"),
    ("last_name", "Last name"),
    ("location", "Location"),
    ("losses", "The number"),
    ("manager", "Manager"),
    ("manager_id", "Manager"),
    ("mobile_phone", "Mobile phone"),
    ("name", "Name"),
    ("order", "Order"),
    ("phone", "Phone"),
    ("record_id", "Record"),
    ("scopes", "Scopes"),
    ("secret_ends", "The key ends on"),
    ("security_role", "Security Role"),
    ("security_roles", "Security roles"),
    ("tenant", "Tenant"),
    ("title", "Title"),
    ("to", "Through"),
    ("url", "Address"),
    ("username", "Username"),
];

/// Names of which there are several.
const MANY: [&str; 3] = ["events", "scopes", "security_roles"];

/// What a page calls a field.
fn label(name: &str) -> Option<&'static str> {
    let found = LABELS.binary_search_by(|(known, _)| known.cmp(&name));
    found.ok().map(|at| LABELS[at].1)
}

/// A message with the names of fields as the page has them: `account_id: ...`,
/// `account_id is missing`, and names with an underscore anywhere.
fn with_labels(text: &str) -> String {
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let names_a_field = rest.starts_with(':')
        || rest.starts_with(" is ") && (name.contains('_') || label(name).is_some());
    let (first, rest) = match label(name).filter(|_| names_a_field) {
        Some(label) if MANY.contains(&name) => match rest.strip_prefix(" is ") {
            Some(rest) => (label, format!(" are {rest}")),
            None => (label, rest.to_owned()),
        },
        Some(label) => (label, rest.to_owned()),
        None => ("", text.to_owned()),
    };
    // What is quoted was typed by somebody, and stays.
    let parts = rest.split('`').enumerate().map(|(at, part)| {
        if at % 2 == 1 {
            return part.to_owned();
        }
        let words = part.split(' ').map(|word| {
            let (name, rest) = word.split_at(word.trim_end_matches([',', ':', ';']).len());
            match label(name).filter(|_| name.contains('_')) {
                Some(label) => format!("{label}{rest}"),
                None => word.to_owned(),
            }
        });
        words.collect::<Vec<_>>().join(" ")
    });
    first.to_owned() + &parts.collect::<Vec<_>>().join("`")
}

/// A problem's words as a sentence for people.
pub(crate) fn sentence(text: &str) -> String {
    let text = with_labels(text);
    let word = text.split(' ').next().unwrap_or_default();
    let mut letters = text.chars();
    let mut out = match letters.next() {
        Some(first)
            if word
                .chars()
                .all(|c| c.is_alphabetic() || c == ':' || c == ',') =>
        {
            first.to_uppercase().chain(letters).collect()
        }
        _ => text.clone(),
    };
    if !out.ends_with(['.', '!', '?', ':']) {
        out.push('.');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_read_as_sentences_with_the_labels_of_the_page() {
        let table = [
            ("you have no access here", "You have no access here."),
            ("account_id is missing", "Account is missing."),
            ("security_roles is empty", "Security roles are empty."),
            (
                "a contact needs an account_id",
                "A contact needs an Account.",
            ),
            (
                "secret_ends: `first_name` is not a day",
                "The key ends on: `first_name` is not a day.",
            ),
            (
                "first_name, last_name or email: at least one is needed",
                "First name, Last name or email: at least one is needed.",
            ),
            ("from here on it fails", "From here on it fails."),
            ("body: 1 to 9 characters", "Text: 1 to 9 characters."),
            ("Try again.", "Try again."),
            ("http://x is no address", "http://x is no address."),
        ];
        for (given, expected) in table {
            assert_eq!(sentence(given), expected, "{given:?}");
        }
    }

    #[test]
    fn every_label_is_found() {
        for (name, expected) in LABELS {
            assert_eq!(label(name), Some(*expected), "{name}: out of order");
        }
    }
}
