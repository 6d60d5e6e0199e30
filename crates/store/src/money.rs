//! Amounts and currencies of invoices. Amounts are decimal text and never a
//! floating-point number; nothing is computed with them here.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde::{Deserialize as DeriveDeserialize, Serialize};

/// Text that is no amount or no currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadMoney {
    /// Not a decimal number of that size.
    #[error("an amount has at most 15 digits before the point and 4 after it")]
    Amount,
    /// Not an ISO 4217 code.
    #[error("a currency is three letters, such as EUR")]
    Currency,
}

/// A decimal number, as it was written: `1200.50`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Amount(String);

impl Amount {
    /// Reads an amount: a sign, at most 15 digits, at most 4 decimals.
    pub fn parse(text: &str) -> Result<Self, BadMoney> {
        let text = text.trim();
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
        let fits = |part: &str, most: usize| {
            (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if fits(whole, 15) && fits(decimals, 4) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadMoney::Amount)
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads text or a number; a number is taken as it is written.
impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl Visitor<'_> for Written {
            type Value = String;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal number")
            }
            fn visit_str<E>(self, text: &str) -> Result<String, E> {
                Ok(text.to_owned())
            }
            fn visit_i64<E>(self, number: i64) -> Result<String, E> {
                Ok(number.to_string())
            }
            fn visit_u64<E>(self, number: u64) -> Result<String, E> {
                Ok(number.to_string())
            }
            fn visit_f64<E>(self, number: f64) -> Result<String, E> {
                // The shortest text that reads back as the same number.
                Ok(number.to_string())
            }
        }
        Self::parse(&deserializer.deserialize_any(Written)?).map_err(D::Error::custom)
    }
}

/// A currency's ISO 4217 code.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, DeriveDeserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(String);

impl Currency {
    /// Reads a code, in any letter case.
    pub fn parse(text: &str) -> Result<Self, BadMoney> {
        let code = text.trim().to_ascii_uppercase();
        if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()) {
            Ok(Self(code))
        } else {
            Err(BadMoney::Currency)
        }
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Currency {
    type Error = BadMoney;
    fn try_from(text: String) -> Result<Self, BadMoney> {
        Self::parse(&text)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_a_decimal_number_of_a_sane_size() {
        for text in ["0", "1200.50", "-3.1415", "999999999999999.9999", " 7 "] {
            assert_eq!(Amount::parse(text).unwrap().as_str(), text.trim(), "{text}");
        }
        for text in [
            "",
            "-",
            ".5",
            "5.",
            "1,5",
            "1e3",
            "1.23456",
            "1000000000000000",
            "NaN",
        ] {
            assert_eq!(Amount::parse(text), Err(BadMoney::Amount), "{text}");
        }
    }

    #[test]
    fn an_amount_in_json_is_text_or_a_number() {
        for (json, amount) in [
            ("\"1200.50\"", "1200.50"),
            ("1200.5", "1200.5"),
            ("12", "12"),
        ] {
            assert_eq!(
                serde_json::from_str::<Amount>(json).unwrap().as_str(),
                amount
            );
        }
        assert!(serde_json::from_str::<Amount>("1e30").is_err());
    }

    #[test]
    fn a_currency_is_three_letters() {
        assert_eq!(Currency::parse("eur").unwrap().as_str(), "EUR");
        for text in ["", "EU", "EURO", "E1R", "ÄÖÜ"] {
            assert_eq!(Currency::parse(text), Err(BadMoney::Currency), "{text}");
        }
    }
}
