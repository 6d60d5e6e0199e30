//! What a directory person looks like as fields of a PSA record.
//!
//! Email follows the person's Source; phones, names and title are copied. Does
//! not know the record: what is kept and what is overwritten is decided in
//! `decide`.

use crate::address::{Address, home_upn, is_external_upn};
use crate::directory::{Person, Source, UserType};
use crate::field::{Field, Value};
use crate::policy::{EmailSource, Policy};
use crate::psa::Kind;

/// The email a person has here, or none that is usable.
pub fn email(person: &Person, source: EmailSource) -> Option<Address> {
    let parse = |text: Option<&str>| text.and_then(Address::parse);
    let other = || parse(person.other_mails.first().map(String::as_str));
    let mail = || parse(person.mail.as_deref());
    let upn = person.upn.as_deref();
    let home = || parse(upn.and_then(home_upn).as_deref());
    match person.source {
        Source::MicrosoftAccount => mail().or_else(other),
        _ if upn.is_some_and(is_external_upn) => home().or_else(mail),
        Source::ExternalAzureAd | Source::InvitedUser | Source::Other
            if person.user_type == UserType::Guest =>
        {
            mail().or_else(other).or_else(|| parse(upn))
        }
        _ => match source {
            EmailSource::Upn => parse(upn),
            EmailSource::Mail => mail(),
        },
    }
}

/// The addresses by which an existing record may be found: the mapped email,
/// and `mail` and `proxyAddresses` whose domain this tenant has verified.
pub fn matching_addresses(person: &Person, policy: &Policy) -> Vec<Address> {
    let mut found: Vec<Address> = email(person, policy.connection.email_source)
        .into_iter()
        .collect();
    let proxies = person.proxy_addresses.iter().filter_map(|proxy| {
        let (scheme, address) = proxy.split_once(':')?;
        scheme.eq_ignore_ascii_case("smtp").then_some(address)
    });
    let more = person.mail.as_deref().into_iter().chain(proxies);
    for address in more.filter_map(Address::parse) {
        let is_new = found.iter().all(|known| known.key() != address.key());
        if is_new && policy.own_domains.contains(address.domain()) {
            found.push(address);
        }
    }
    found
}

/// The values the directory gives for every mapped field but the username,
/// whose form depends on everybody else.
pub fn project(
    person: &Person,
    email: Option<&Address>,
    kind: Kind,
    policy: &Policy,
) -> Vec<(Field, Option<Value>)> {
    let text = |text: &Option<String>| {
        let text = text
            .as_deref()
            .map(str::trim)
            .filter(|text| !text.is_empty());
        text.map(Value::from)
    };
    let all = [
        (Field::FirstName, text(&person.given_name)),
        (Field::LastName, text(&person.surname)),
        (Field::Email, email.map(|email| email.written().into())),
        (Field::Phone, text(&person.business_phone)),
        (Field::MobilePhone, text(&person.mobile_phone)),
        (Field::JobTitle, text(&person.job_title)),
        (Field::Department, text(&person.department)),
        (Field::Location, text(&person.office_location)),
        (Field::EmployeeId, text(&person.employee_id)),
    ];
    let mapped = |field| policy.fields.of(kind, field).enabled;
    all.into_iter()
        .filter(|(field, _)| mapped(*field))
        .collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::{ObjectId, TenantId};

    fn person(source: Source, upn: &str, mail: Option<&str>, other: Option<&str>) -> Person {
        let mut person = Person::blank(TenantId(Uuid::nil()), ObjectId(Uuid::nil()));
        person.source = source;
        person.upn = Some(upn.to_owned());
        person.mail = mail.map(str::to_owned);
        person.other_mails = other.map(str::to_owned).into_iter().collect();
        person
    }

    const EXT: &str = "bob_fabrikam.com#EXT#@msp.onmicrosoft.com";
    const BAD_EXT: &str = "bob#EXT#@msp.onmicrosoft.com";
    const MSA: &str = "c_outlook.com#EXT#@msp.onmicrosoft.com";

    #[test]
    fn a_members_email_is_the_upn_or_mail() {
        for (source, mail, from, expected) in [
            (
                Source::AzureAd,
                Some("a@x.com"),
                EmailSource::Upn,
                Some("amy@msp.com"),
            ),
            (
                Source::AzureAd,
                Some("a@x.com"),
                EmailSource::Mail,
                Some("a@x.com"),
            ),
            (Source::AzureAd, None, EmailSource::Mail, None),
            (
                Source::WindowsServerAd,
                None,
                EmailSource::Upn,
                Some("amy@msp.com"),
            ),
        ] {
            let found = email(&person(source, "amy@msp.com", mail, None), from);
            assert_eq!(found.as_ref().map(Address::written), expected, "{source:?}");
        }
    }

    #[test]
    fn a_guests_email_follows_the_source() {
        let (mail, other) = (Some("m@y.com"), Some("o@y.com"));
        for (source, upn, mail, other, expected) in [
            (
                Source::ExternalAzureAd,
                EXT,
                mail,
                None,
                Some("bob@fabrikam.com"),
            ),
            (Source::ExternalAzureAd, BAD_EXT, mail, None, mail),
            (Source::ExternalAzureAd, BAD_EXT, None, other, None),
            (Source::AzureAd, EXT, None, None, Some("bob@fabrikam.com")),
            (Source::MicrosoftAccount, MSA, mail, other, mail),
            (Source::MicrosoftAccount, MSA, None, other, other),
            (Source::MicrosoftAccount, MSA, None, None, None),
        ] {
            let found = email(&person(source, upn, mail, other), EmailSource::Upn);
            assert_eq!(
                found.as_ref().map(Address::written),
                expected,
                "{source:?} {upn}"
            );
        }
    }
}
