//! From the connector's people to the planner's.
//!
//! A property that is absent from an answer keeps what was known; a null one
//! clears it. The Source is derived as the directory documents it.

use graph::{DirectoryUser, Field};
use provisioning::address::Domain;
use provisioning::directory::{Person, Presence, Source, UserType};
use provisioning::ids::{ObjectId, TenantId};

/// Merges what was read into what was known.
pub(crate) fn merge(
    tenant_id: TenantId,
    known: Option<Person>,
    user: DirectoryUser,
    own_domains: &dyn Fn(&Domain) -> bool,
) -> Person {
    let object_id = ObjectId(user.id);
    let mut person = known.unwrap_or_else(|| Person::blank(tenant_id, object_id));
    let source = source(&user, &person, own_domains);
    take(&mut person.upn, user.user_principal_name);
    take(&mut person.mail, user.mail);
    take(&mut person.display_name, user.display_name);
    take(&mut person.given_name, user.given_name);
    take(&mut person.surname, user.surname);
    take(&mut person.job_title, user.job_title);
    take(&mut person.department, user.department);
    take(&mut person.office_location, user.office_location);
    take(&mut person.mobile_phone, user.mobile_phone);
    take(&mut person.employee_id, user.employee_id);
    take_list(&mut person.other_mails, user.other_mails);
    take_list(&mut person.proxy_addresses, user.proxy_addresses);
    match user.business_phones {
        Field::Absent => {}
        Field::Null => person.business_phone = None,
        Field::Value(phones) => person.business_phone = phones.into_iter().next(),
    }
    if let Field::Value(enabled) = user.account_enabled {
        person.enabled = enabled;
    }
    match user.assigned_licenses {
        Field::Absent => {}
        Field::Null => person.licensed = Some(false),
        Field::Value(licences) => person.licensed = Some(!licences.is_empty()),
    }
    match user.user_type.as_deref() {
        Some(kind) if kind.eq_ignore_ascii_case("guest") => person.user_type = UserType::Guest,
        Some(_) => person.user_type = UserType::Member,
        None => {}
    }
    person.source = source;
    person.presence = Presence::Live;
    person
}

fn take(slot: &mut Option<String>, field: Field<String>) {
    match field {
        Field::Absent => {}
        Field::Null => *slot = None,
        Field::Value(text) => *slot = Some(text),
    }
}

fn take_list(slot: &mut Vec<String>, field: Field<Vec<String>>) {
    match field {
        Field::Absent => {}
        Field::Null => slot.clear(),
        Field::Value(list) => *slot = list,
    }
}

fn source(user: &DirectoryUser, known: &Person, own_domains: &dyn Fn(&Domain) -> bool) -> Source {
    let nothing_said = user.identities.is_absent()
        && user.creation_type.is_absent()
        && user.external_user_state.is_absent()
        && user.on_premises_sync_enabled.is_absent();
    if nothing_said && (known.upn.is_some() || known.display_name.is_some()) {
        return known.source;
    }
    let identities = user
        .identities
        .value()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let federated = identities.iter().find(|identity| {
        let kind = identity.sign_in_type.as_deref().unwrap_or_default();
        kind.eq_ignore_ascii_case("federated")
    });
    if let Some(issuer) = federated.and_then(|identity| identity.issuer.as_deref()) {
        return from_issuer(issuer, own_domains);
    }
    let invited = user.creation_type.as_deref() == Some("Invitation")
        && user.external_user_state.as_deref() == Some("PendingAcceptance");
    if invited {
        Source::InvitedUser
    } else if user.on_premises_sync_enabled.value() == Some(&true) {
        Source::WindowsServerAd
    } else {
        Source::AzureAd
    }
}

fn from_issuer(issuer: &str, own_domains: &dyn Fn(&Domain) -> bool) -> Source {
    let is = |name: &str| issuer.eq_ignore_ascii_case(name);
    if is("ExternalAzureAD") {
        return Source::ExternalAzureAd;
    }
    if is("MicrosoftAccount") || is("live.com") {
        return Source::MicrosoftAccount;
    }
    if ["google.com", "facebook.com", "mail", "phone"]
        .into_iter()
        .any(is)
        || issuer.contains("://")
    {
        return Source::Other;
    }
    match Domain::parse(issuer) {
        Some(domain) if domain.as_str().contains('.') && !own_domains(&domain) => {
            Source::ExternalAzureAd
        }
        _ => Source::AzureAd,
    }
}

/// The part of the connector's fingerprint that the mirror keeps.
pub(crate) fn fingerprint(user: &DirectoryUser) -> [u8; 16] {
    let full = user.fingerprint();
    full.first_chunk().copied().unwrap_or_default()
}
