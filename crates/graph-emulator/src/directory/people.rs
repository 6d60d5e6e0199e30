//! Generated people: everything about one follows from a seed and a number, so a million take no memory.
//! Writes values as JSON straight into a buffer; knows nothing of people who were changed since.

use std::io::Write as _;

use uuid::Uuid;

use super::names::{DEPARTMENTS, GIVEN, PLACES, Place, SURNAMES, TITLES};
use crate::schema::{PropertyId, known::user};

/// A run of people made at once; their slots follow each other.
#[derive(Clone, Debug)]
pub(crate) struct Crowd {
    /// Slot of the first person.
    pub first: u32,
    pub count: u32,
    pub seed: u64,
    pub tenant_id: Uuid,
    /// Domain of their user principal names.
    pub domain: String,
    /// The tenant's `*.onmicrosoft.com` domain, issuer of their identities.
    pub initial_domain: String,
    pub company: String,
    /// ISO 8601.
    pub created: String,
}

/// One person of a crowd.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person<'a> {
    crowd: &'a Crowd,
    slot: u32,
    chance: u64,
}

/// A well-mixed number from another (SplitMix64, public domain algorithm by Vigna).
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn pick<T>(list: &[T], chance: u64) -> &T {
    let length = list.len() as u64;
    &list[usize::try_from(chance % length).unwrap_or(0)]
}

impl Crowd {
    /// The person in a slot of this crowd.
    pub(crate) fn person(&self, slot: u32) -> Option<Person<'_>> {
        let within = slot >= self.first && slot - self.first < self.count;
        within.then(|| Person {
            crowd: self,
            slot,
            chance: mix(self.seed ^ mix(u64::from(slot - self.first))),
        })
    }

    pub(crate) fn slots(&self) -> std::ops::Range<u32> {
        self.first..self.first + self.count
    }
}

impl Person<'_> {
    /// A version 4 id that depends on tenant, seed and number.
    pub(crate) fn id(&self) -> Uuid {
        let (high, low) = self.crowd.tenant_id.as_u64_pair();
        let first = mix(self.chance ^ high ^ u64::from(self.crowd.first));
        let second = mix(first ^ low ^ u64::from(self.slot));
        uuid::Builder::from_random_bytes(Uuid::from_u64_pair(first, second).into_bytes())
            .into_uuid()
    }

    fn given(&self) -> (&'static str, &'static str) {
        *pick(&GIVEN, self.chance)
    }

    fn surname(&self) -> (&'static str, &'static str) {
        *pick(&SURNAMES, self.chance >> 12)
    }

    fn place(&self) -> &'static Place {
        pick(&PLACES, self.chance >> 24)
    }

    fn department(&self) -> &'static str {
        pick::<&str>(&DEPARTMENTS, self.chance >> 30)
    }

    fn seldom(&self, shift: u32, one_in: u64) -> bool {
        (self.chance >> shift).is_multiple_of(one_in)
    }

    /// `given.surnameNUMBER`, unique by the number.
    fn nickname(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.given().1.as_bytes());
        out.push(b'.');
        out.extend_from_slice(self.surname().1.as_bytes());
        number(out, self.slot);
    }

    fn address(&self, out: &mut Vec<u8>) {
        self.nickname(out);
        out.push(b'@');
        out.extend_from_slice(self.crowd.domain.as_bytes());
    }

    pub(crate) fn user_principal_name(&self) -> String {
        let mut name = Vec::with_capacity(48);
        self.address(&mut name);
        String::from_utf8(name).unwrap_or_default()
    }

    /// Writes a property as JSON; `false` when the person never had it. No value here needs escaping.
    pub(crate) fn write(&self, property: PropertyId, out: &mut Vec<u8>) -> bool {
        match property {
            user::ENABLED => out.extend_from_slice(b"true"),
            user::BUSINESS_PHONES => {
                out.push(b'[');
                self.phone(out, self.chance >> 34);
                out.push(b']');
            }
            user::MOBILE if self.seldom(40, 3) => return false,
            user::MOBILE => self.phone(out, self.chance >> 42),
            user::PROXY_ADDRESSES => {
                out.extend_from_slice(b"[\"SMTP:");
                self.address(out);
                out.extend_from_slice(b"\"]");
            }
            user::IDENTITIES => self.identities(out),
            _ => return self.write_text(property, out),
        }
        true
    }

    fn write_text(&self, property: PropertyId, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        out.push(b'"');
        let place = self.place();
        let text = match property {
            user::UPN | user::MAIL => {
                self.address(out);
                ""
            }
            user::MAIL_NICKNAME => {
                self.nickname(out);
                ""
            }
            user::DISPLAY_NAME => {
                out.extend_from_slice(self.given().0.as_bytes());
                out.push(b' ');
                self.surname().0
            }
            user::GIVEN_NAME => self.given().0,
            user::SURNAME => self.surname().0,
            user::JOB_TITLE => {
                out.extend_from_slice(self.department().as_bytes());
                out.push(b' ');
                pick::<&str>(&TITLES, self.chance >> 36)
            }
            user::DEPARTMENT => self.department(),
            user::COMPANY => &self.crowd.company,
            user::CITY => place.city,
            user::STATE => place.state,
            user::COUNTRY => place.country,
            user::USAGE_LOCATION => place.code,
            user::LANGUAGE => place.language,
            user::POSTAL_CODE => {
                number(out, place.postal);
                ""
            }
            user::STREET => {
                number(out, low(self.chance >> 50, 200) + 1);
                out.push(b' ');
                place.street
            }
            user::OFFICE => {
                number(out, low(self.chance >> 46, 40) + 1);
                out.push(b'/');
                number(out, low(self.chance >> 52, 3999) + 1000);
                ""
            }
            user::EMPLOYEE_ID => {
                number(out, 100_000 + self.slot);
                ""
            }
            user::CREATED | user::SESSIONS_VALID_FROM => &self.crowd.created,
            user::USER_TYPE => "Member",
            _ => {
                out.truncate(start);
                return false;
            }
        };
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        true
    }

    fn phone(&self, out: &mut Vec<u8>, chance: u64) {
        out.push(b'"');
        out.extend_from_slice(self.place().phone.as_bytes());
        number(out, low(chance, 9000) + 1000);
        out.push(b'"');
    }

    fn identities(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"[{"signInType":"userPrincipalName","issuer":""#);
        out.extend_from_slice(self.crowd.initial_domain.as_bytes());
        out.extend_from_slice(br#"","issuerAssignedId":""#);
        self.address(out);
        out.extend_from_slice(br#""}]"#);
    }
}

fn low(chance: u64, below: u64) -> u32 {
    u32::try_from(chance % below).unwrap_or(0)
}

fn number(out: &mut Vec<u8>, number: u32) {
    // Writing to a buffer in memory cannot fail.
    let _ = write!(out, "{number}");
}
