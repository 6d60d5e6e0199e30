//! Codes, access tokens and refresh tokens. Access and refresh tokens carry their own facts under a keyed hash, so the
//! store holds one entry per kind of access and one per sign-in, however many tokens are issued.
//! Knows no HTTP and asks no question of the directory.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::scopes::Scopes;
use super::{AuthFailure, Caller};

/// Life of a refresh token from its issue.
pub(super) const REFRESH_LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Life of an authorization code.
pub(super) const CODE_LIFE: SignedDuration = SignedDuration::from_mins(10);
/// Codes are remembered longer than they live, to tell "redeemed" and "expired" from "never issued".
const CODE_MEMORY: SignedDuration = SignedDuration::from_hours(1);
const MOST_CODES: usize = 10_000;
const MOST_SIGN_INS: usize = 100_000;
const MAC: usize = 16;
const PAYLOAD: usize = 21;

/// What an access token allows; equal ones are stored once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Access {
    pub tenant_id: Uuid,
    pub app_id: Uuid,
    pub user_id: Option<Uuid>,
    pub is_admin: bool,
    pub permissions: BTreeSet<String>,
}

/// A finished sign-in, which refresh tokens go back to.
#[derive(Clone, Debug)]
pub(super) struct SignIn {
    pub app_id: Uuid,
    /// The tenant signed in to, and the person there.
    pub tenant_id: Uuid,
    pub user_id: Uuid,
    /// The account behind the person: elsewhere for guests.
    pub home: (Uuid, Uuid),
    pub is_admin: bool,
    pub scopes: Scopes,
    pub session_id: Uuid,
}

/// An authorization code and what its redemption must match.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub sign_in: SignIn,
    pub redirect_uri: String,
    /// The tenant alias used (`common`, `organizations`), or `None` when the tenant was named.
    pub alias: Option<&'static str>,
    pub challenge: Option<Challenge>,
    pub nonce: Option<String>,
    pub issued_at: Timestamp,
    pub redeemed: bool,
}

/// A PKCE challenge (RFC 7636).
#[derive(Clone, Debug)]
pub(super) enum Challenge {
    Plain(String),
    S256(String),
}

impl Challenge {
    pub(super) fn accepts(&self, verifier: &str) -> bool {
        match self {
            Self::Plain(challenge) => challenge.as_bytes().ct_eq(verifier.as_bytes()).into(),
            Self::S256(challenge) => {
                let digest =
                    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
                challenge
                    .as_bytes()
                    .ct_eq(URL_SAFE_NO_PAD.encode(digest).as_bytes())
                    .into()
            }
        }
    }
}

/// A refresh token that was issued here.
#[derive(Debug)]
pub(super) struct Refresh {
    pub sign_in: SignIn,
    pub sign_in_number: u32,
    pub issued_at: Timestamp,
    /// Its place in the order of issue, which revocation compares.
    pub sequence: u64,
}

/// Everything issued.
pub(super) struct Tokens {
    key: [u8; 32],
    sequence: u64,
    access: Vec<Arc<Access>>,
    access_numbers: HashMap<Arc<Access>, u32>,
    sign_ins: VecDeque<SignIn>,
    first_sign_in: u32,
    codes: HashMap<String, Code>,
    code_order: VecDeque<String>,
    revoked: HashMap<(Uuid, Uuid), (u64, Timestamp)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Access = 1,
    Refresh = 2,
}

struct Opened {
    number: u32,
    at: Timestamp,
    sequence: u64,
}

impl Tokens {
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self {
            key,
            sequence: 0,
            access: Vec::new(),
            access_numbers: HashMap::new(),
            sign_ins: VecDeque::new(),
            first_sign_in: 0,
            codes: HashMap::new(),
            code_order: VecDeque::new(),
            revoked: HashMap::new(),
        }
    }

    /// Issues an access token that is good until `expires_at`.
    pub(super) fn issue_access(&mut self, access: Access, expires_at: Timestamp) -> String {
        let number = match self.access_numbers.get(&access) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(self.access.len()).unwrap_or(u32::MAX);
                let access = Arc::new(access);
                self.access.push(Arc::clone(&access));
                self.access_numbers.insert(access, number);
                number
            }
        };
        self.seal(Kind::Access, number, expires_at)
    }

    /// Who an `Authorization` header speaks for at `now`.
    pub(super) fn caller(
        &self,
        authorization: Option<&str>,
        now: Timestamp,
    ) -> Result<Caller, AuthFailure> {
        let value = authorization.ok_or(AuthFailure::Missing)?;
        let (scheme, token) = value.split_once(' ').ok_or(AuthFailure::Malformed)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(AuthFailure::Malformed);
        }
        let opened = self.open(Kind::Access, token.trim())?;
        let access = self
            .access
            .get(opened.number as usize)
            .ok_or(AuthFailure::Unknown)?;
        if opened.at <= now {
            return Err(AuthFailure::Expired);
        }
        Ok(Caller {
            tenant_id: access.tenant_id,
            app_id: access.app_id,
            user_id: access.user_id,
            is_admin: access.is_admin,
            permissions: access.permissions.clone(),
            expires_at: opened.at,
        })
    }

    /// Remembers a sign-in and gives its number.
    pub(super) fn add_sign_in(&mut self, sign_in: SignIn) -> u32 {
        if self.sign_ins.len() == MOST_SIGN_INS {
            self.sign_ins.pop_front();
            self.first_sign_in += 1;
        }
        self.sign_ins.push_back(sign_in);
        self.first_sign_in + u32::try_from(self.sign_ins.len() - 1).unwrap_or(u32::MAX)
    }

    pub(super) fn issue_refresh(&mut self, sign_in: u32, now: Timestamp) -> String {
        self.seal(Kind::Refresh, sign_in, now)
    }

    /// A refresh token as it was issued, or `None` for one that never was.
    pub(super) fn refresh(&self, token: &str) -> Option<Refresh> {
        let opened = self.open(Kind::Refresh, token).ok()?;
        let at = opened.number.checked_sub(self.first_sign_in)?;
        let sign_in = self.sign_ins.get(at as usize)?.clone();
        let sign_in_number = opened.number;
        Some(Refresh {
            sign_in,
            sign_in_number,
            issued_at: opened.at,
            sequence: opened.sequence,
        })
    }

    /// From now on refresh tokens issued so far to this account are dead.
    pub(super) fn revoke(&mut self, account: (Uuid, Uuid), now: Timestamp) {
        self.revoked.insert(account, (self.sequence, now));
    }

    /// When the sessions of the token's account were revoked, if that was after its issue.
    pub(super) fn revoked_at(&self, refresh: &Refresh) -> Option<Timestamp> {
        let (sequence, at) = self.revoked.get(&refresh.sign_in.home)?;
        (refresh.sequence <= *sequence).then_some(*at)
    }

    pub(super) fn add_code(&mut self, text: String, code: Code) {
        let now = code.issued_at;
        while let Some(oldest) = self.code_order.front() {
            let stale = self
                .codes
                .get(oldest)
                .is_none_or(|known| known.issued_at + CODE_MEMORY < now);
            if !stale && self.code_order.len() < MOST_CODES {
                break;
            }
            self.codes.remove(oldest);
            self.code_order.pop_front();
        }
        self.code_order.push_back(text.clone());
        self.codes.insert(text, code);
    }

    pub(super) fn code(&mut self, text: &str) -> Option<&mut Code> {
        self.codes.get_mut(text)
    }

    fn seal(&mut self, kind: Kind, number: u32, at: Timestamp) -> String {
        self.sequence += 1;
        let mut bytes = Vec::with_capacity(PAYLOAD + MAC);
        bytes.push(kind as u8);
        bytes.extend(number.to_be_bytes());
        bytes.extend(at.as_second().to_be_bytes());
        bytes.extend(self.sequence.to_be_bytes());
        let mac = blake3::keyed_hash(&self.key, &bytes);
        bytes.extend(&mac.as_bytes()[..MAC]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn open(&self, kind: Kind, token: &str) -> Result<Opened, AuthFailure> {
        let bytes = URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|_| AuthFailure::Malformed)?;
        if bytes.len() != PAYLOAD + MAC {
            return Err(AuthFailure::Malformed);
        }
        let (payload, mac) = bytes.split_at(PAYLOAD);
        let expected = blake3::keyed_hash(&self.key, payload);
        if payload[0] != kind as u8 || !bool::from(expected.as_bytes()[..MAC].ct_eq(mac)) {
            return Err(AuthFailure::Unknown);
        }
        let number = payload[1..5]
            .iter()
            .fold(0, |sum, byte| (sum << 8) | u32::from(*byte));
        let long = |from: usize| {
            payload[from..from + 8]
                .iter()
                .fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
        };
        let at =
            Timestamp::from_second(long(5).cast_signed()).map_err(|_| AuthFailure::Malformed)?;
        Ok(Opened {
            number,
            at,
            sequence: long(13),
        })
    }
}
