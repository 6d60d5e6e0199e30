//! Certificates applications sign assertions with: what is read out of an X.509 certificate in PEM, and no more.
//! Does not check chains; the identity platform does not either for registered certificates.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jsonwebtoken::DecodingKey;

/// A registered certificate.
#[derive(Clone)]
pub(super) struct Certificate {
    /// `x5t` of an assertion header: SHA-1 of the certificate, base64url.
    pub x5t: String,
    /// `x5t#S256`: SHA-256 likewise.
    pub x5t_s256: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    pub key: DecodingKey,
}

impl Certificate {
    /// Reads the first certificate of a PEM text; the key must be RSA.
    ///
    /// # Errors
    /// Says what is not as X.509 has it.
    pub(super) fn from_pem(pem: &str) -> Result<Self, &'static str> {
        let der = body_of(pem)?;
        let certificate = Der(&der).expect(SEQUENCE)?.inner;
        let mut fields = Der(Der(certificate).expect(SEQUENCE)?.inner);
        if fields.0.first() == Some(&VERSION) {
            fields.next()?;
        }
        for skipped in [INTEGER, SEQUENCE, SEQUENCE] {
            fields.take(skipped)?; // serial number, signature algorithm, issuer
        }
        let mut validity = Der(fields.take(SEQUENCE)?.inner);
        let not_before = time(&validity.next()?)?;
        let not_after = time(&validity.next()?)?;
        fields.take(SEQUENCE)?; // subject
        let public_key = fields.take(SEQUENCE)?.whole;
        aws_lc_rs::rsa::PublicKey::from_der(public_key).map_err(|_| "the public key is not RSA")?;
        Ok(Self {
            x5t: thumbprint(&digest::SHA1_FOR_LEGACY_USE_ONLY, &der),
            x5t_s256: thumbprint(&digest::SHA256, &der),
            not_before,
            not_after,
            key: DecodingKey::from_rsa_der(public_key),
        })
    }
}

fn thumbprint(algorithm: &'static digest::Algorithm, der: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(algorithm, der))
}

fn body_of(pem: &str) -> Result<Vec<u8>, &'static str> {
    let (_, rest) = pem
        .split_once("-----BEGIN CERTIFICATE-----")
        .ok_or("no BEGIN CERTIFICATE line")?;
    let (body, _) = rest
        .split_once("-----END CERTIFICATE-----")
        .ok_or("no END CERTIFICATE line")?;
    let text: String = body.split_whitespace().collect();
    STANDARD.decode(text).map_err(|_| "not base64")
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const SHORT: &str = "the certificate is cut short";

/// A run of DER elements (X.690).
struct Der<'a>(&'a [u8]);

struct Element<'a> {
    tag: u8,
    inner: &'a [u8],
    whole: &'a [u8],
}

impl<'a> Der<'a> {
    fn expect(mut self, tag: u8) -> Result<Element<'a>, &'static str> {
        self.take(tag)
    }

    fn take(&mut self, tag: u8) -> Result<Element<'a>, &'static str> {
        let element = self.next()?;
        if element.tag == tag {
            Ok(element)
        } else {
            Err("not an X.509 certificate")
        }
    }

    fn next(&mut self) -> Result<Element<'a>, &'static str> {
        let (&tag, rest) = self.0.split_first().ok_or(SHORT)?;
        let (&first, rest) = rest.split_first().ok_or(SHORT)?;
        let long = usize::from(first & 0x7f);
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let (bytes, rest) = rest.split_at_checked(long).ok_or(SHORT)?;
            if bytes.len() > 4 {
                return Err(SHORT);
            }
            (
                bytes
                    .iter()
                    .fold(0, |sum, byte| (sum << 8) | usize::from(*byte)),
                rest,
            )
        };
        let (inner, after) = rest.split_at_checked(length).ok_or(SHORT)?;
        let whole = &self.0[..self.0.len() - after.len()];
        self.0 = after;
        Ok(Element { tag, inner, whole })
    }
}

/// UTCTime counts from 1950 to 2049 (RFC 5280 4.1.2.5.1).
fn time(element: &Element<'_>) -> Result<Timestamp, &'static str> {
    const BAD: &str = "a validity date is not as X.509 has it";
    let text = std::str::from_utf8(element.inner).map_err(|_| BAD)?;
    let full = match element.tag {
        UTC_TIME => format!("{}{text}", if text < "50" { "20" } else { "19" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return Err(BAD),
    };
    DateTime::strptime("%Y%m%d%H%M%SZ", &full)
        .and_then(|at| at.to_zoned(jiff::tz::TimeZone::UTC))
        .map(|at| at.timestamp())
        .map_err(|_| BAD)
}
