//! How sizes, numbers and times are written.
#![forbid(unsafe_code)]

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A size in bytes, written `256M`: suffixes K, M, G and T are powers of 1,024.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// A number of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub u64);

/// A length of time, written `90s`, `10m` or `1h30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// What a limit is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes, as [`Bytes`].
    Size,
    /// Things, as [`Count`].
    Number,
    /// Nanoseconds, as [`Span`].
    Time,
}

impl Unit {
    /// The word for it, as documents have it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Number => "number",
            Self::Time => "time",
        }
    }

    /// The text for so many of it.
    #[must_use]
    pub fn text(self, number: u64) -> String {
        match self {
            Self::Size => Bytes(number).to_string(),
            Self::Number => Count(number).to_string(),
            Self::Time => Span::from_number(number).to_string(),
        }
    }

    /// How many of it a text says.
    ///
    /// # Errors
    /// Why it says none.
    pub fn parse(self, text: &str) -> Result<u64, BadAmount> {
        match self {
            Self::Size => text.parse().map(Bytes::number),
            Self::Number => text.parse().map(Count::number),
            Self::Time => text.parse().map(Span::number),
        }
    }
}

/// An amount, as the number of its unit.
pub trait Amount: Copy {
    /// The unit.
    const UNIT: Unit;

    /// How many of the unit.
    fn number(self) -> u64;

    /// So many of the unit.
    fn from_number(number: u64) -> Self;
}

impl Amount for Bytes {
    const UNIT: Unit = Unit::Size;

    fn number(self) -> u64 {
        self.0
    }

    fn from_number(number: u64) -> Self {
        Self(number)
    }
}

impl Amount for Count {
    const UNIT: Unit = Unit::Number;

    fn number(self) -> u64 {
        self.0
    }

    fn from_number(number: u64) -> Self {
        Self(number)
    }
}

impl Amount for Span {
    const UNIT: Unit = Unit::Time;

    fn number(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }

    fn from_number(number: u64) -> Self {
        Self(Duration::from_nanos(number))
    }
}

/// Why a text is no amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAmount {
    /// Nothing, or no digit where a number must begin.
    #[error("`{0}` has no number; write {1}")]
    NoNumber(String, &'static str),
    /// A fraction.
    #[error("`{0}` has a fraction; use the next smaller unit")]
    Fraction(String),
    /// A time without a unit.
    #[error("`{0}` has no unit; write {0}s for seconds or {0}m for minutes")]
    NoUnit(String),
    /// MB and the like, which some read as a power of ten.
    #[error("`{0}` can be read in two ways; write {1} for a power of 1,024")]
    Ambiguous(String, String),
    /// Another suffix.
    #[error("`{0}` has the unknown unit `{1}`; write {2}")]
    UnknownUnit(String, String, &'static str),
    /// Nothing can run with nothing.
    #[error("`{0}` would leave nothing; write none for no limit")]
    Zero(String),
    /// It does not fit into 64 bits.
    #[error("`{0}` is too large; write none for no limit")]
    TooLarge(String),
}

const SIZES: &str = "for example 256M or 4G";
const TIMES: &str = "for example 90s, 10m or 1h30m";
const COUNTS: &str = "for example 512";

impl FromStr for Bytes {
    type Err = BadAmount;

    fn from_str(text: &str) -> Result<Self, BadAmount> {
        let (number, unit, rest) = leading(text, text, SIZES)?;
        if !rest.is_empty() {
            return Err(unknown(text, &format!("{unit}{rest}"), SIZES));
        }
        let unit = unit.to_ascii_uppercase();
        let shift = match unit.strip_suffix("IB").unwrap_or(&unit) {
            "" | "B" if !unit.ends_with("IB") => 0,
            "K" => 10,
            "M" => 20,
            "G" => 30,
            "T" => 40,
            "KB" | "MB" | "GB" | "TB" => {
                let one = unit.trim_end_matches('B');
                return Err(BadAmount::Ambiguous(text.to_owned(), format!("{number}{one}")));
            }
            _ => return Err(unknown(text, &unit, SIZES)),
        };
        let bytes = number.checked_mul(1 << shift);
        bytes.map(Self).ok_or_else(|| BadAmount::TooLarge(text.to_owned()))
    }
}

impl FromStr for Count {
    type Err = BadAmount;

    fn from_str(text: &str) -> Result<Self, BadAmount> {
        match leading(text, text, COUNTS)? {
            (number, "", "") => Ok(Self(number)),
            (_, unit, rest) => Err(unknown(text, &format!("{unit}{rest}"), COUNTS)),
        }
    }
}

impl FromStr for Span {
    type Err = BadAmount;

    fn from_str(text: &str) -> Result<Self, BadAmount> {
        let mut total: u64 = 0;
        let mut rest = text;
        loop {
            let (number, unit, more) = leading(text, rest, TIMES)?;
            let milliseconds = match unit {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                "" => return Err(BadAmount::NoUnit(text.to_owned())),
                other => return Err(unknown(text, other, TIMES)),
            };
            total = number
                .checked_mul(milliseconds)
                .and_then(|part| total.checked_add(part))
                .ok_or_else(|| BadAmount::TooLarge(text.to_owned()))?;
            if more.is_empty() {
                return Ok(Self(Duration::from_millis(total)));
            }
            rest = more;
        }
    }
}

/// The number at the beginning of `rest`, the letters behind it, and what comes then.
fn leading<'a>(
    text: &str,
    rest: &'a str,
    write: &'static str,
) -> Result<(u64, &'a str, &'a str), BadAmount> {
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, behind) = rest.split_at(digits);
    if number.is_empty() {
        return Err(BadAmount::NoNumber(text.to_owned(), write));
    }
    if behind.starts_with(['.', ',']) {
        return Err(BadAmount::Fraction(text.to_owned()));
    }
    let letters = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
    let (unit, more) = behind.split_at(letters);
    match number.parse() {
        Ok(0) => Err(BadAmount::Zero(text.to_owned())),
        Ok(number) => Ok((number, unit, more)),
        // Digits alone, so it can only be too long.
        Err(_) => Err(BadAmount::TooLarge(text.to_owned())),
    }
}

fn unknown(text: &str, unit: &str, write: &'static str) -> BadAmount {
    BadAmount::UnknownUnit(text.to_owned(), unit.to_owned(), write)
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shift, unit) = [(40, "T"), (30, "G"), (20, "M"), (10, "K")]
            .into_iter()
            .find(|(shift, _)| self.0 > 0 && self.0.is_multiple_of(1 << shift))
            .unwrap_or((0, ""));
        f.pad(&format!("{}{unit}", self.0 >> shift))
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_millis();
        let mut text = String::new();
        for (unit, length) in
            [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)]
        {
            if rest >= length {
                text += &(rest / length).to_string();
                text += unit;
                rest %= length;
            }
        }
        f.pad(if text.is_empty() { "0s" } else { &text })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        let size = |text: &str| text.parse::<Bytes>().map(|bytes| bytes.0);
        assert_eq!(size("4096"), Ok(4096));
        assert_eq!(size("4096B"), Ok(4096));
        assert_eq!(size("256M"), Ok(256 << 20));
        assert_eq!(size("16g"), Ok(16 << 30));
        assert_eq!(size("2TiB"), Ok(2 << 40));
    }

    #[test]
    fn times_have_units_and_add_up() {
        let time = |text: &str| text.parse::<Span>().map(|span| span.0);
        assert_eq!(time("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(time("10m"), Ok(Duration::from_mins(10)));
        assert_eq!(time("1h30m"), Ok(Duration::from_mins(90)));
        assert_eq!(time("250ms"), Ok(Duration::from_millis(250)));
    }

    #[test]
    fn a_bad_amount_says_what_to_write_instead() {
        let size = |text: &str| text.parse::<Bytes>().unwrap_err().to_string();
        let time = |text: &str| text.parse::<Span>().unwrap_err().to_string();
        let count = |text: &str| text.parse::<Count>().unwrap_err().to_string();
        assert_eq!(
            size("256MB"),
            "`256MB` can be read in two ways; write 256M for a power of 1,024"
        );
        assert_eq!(size("1.5G"), "`1.5G` has a fraction; use the next smaller unit");
        assert_eq!(size("10X"), "`10X` has the unknown unit `X`; write for example 256M or 4G");
        assert_eq!(size(""), "`` has no number; write for example 256M or 4G");
        assert_eq!(size("-1"), "`-1` has no number; write for example 256M or 4G");
        assert_eq!(size("4iB"), "`4iB` has the unknown unit `IB`; write for example 256M or 4G");
        assert_eq!(size("0"), "`0` would leave nothing; write none for no limit");
        assert_eq!(size("16777216T"), "`16777216T` is too large; write none for no limit");
        assert_eq!(size("1M1"), "`1M1` has the unknown unit `M1`; write for example 256M or 4G");
        assert_eq!(time("90"), "`90` has no unit; write 90s for seconds or 90m for minutes");
        assert_eq!(
            time("1h30"),
            "`1h30` has no unit; write 1h30s for seconds or 1h30m for minutes"
        );
        assert_eq!(
            time("5min"),
            "`5min` has the unknown unit `min`; write for example 90s, 10m or 1h30m"
        );
        assert_eq!(count("3k"), "`3k` has the unknown unit `k`; write for example 512");
        assert_eq!(
            count("99999999999999999999"),
            "`99999999999999999999` is too large; write none for no limit"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(amount in 1..u64::MAX) {
            prop_assert_eq!(Bytes(amount).to_string().parse(), Ok(Bytes(amount)));
            let span = Span(Duration::from_millis(amount));
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }

        #[test]
        fn no_text_makes_the_parsers_panic(text: String) {
            let _ = (text.parse::<Bytes>(), text.parse::<Span>(), text.parse::<Count>());
        }
    }
}
