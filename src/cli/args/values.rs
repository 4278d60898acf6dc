//! Parsers of values with units: `64KiB`, `10k`, `250ms`, `off`.

use crate::limits::HEAD_BYTES_RANGE;
use crate::net::Address;
use crate::net::address::AddressError;
use std::time::Duration;

/// Parses a size in bytes: `512`, `10kB`, `64KiB`, or `1M` for 1 MiB.
pub(in crate::cli) fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 12] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("K", 1 << 10),
        ("k", 1 << 10),
        ("M", 1 << 20),
        ("G", 1 << 30),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("B", 1),
        ("", 1),
    ];
    with_unit(text, &UNITS, "a size such as 512, 10kB, 64KiB or 1MiB")
}

/// Parses the limit on the head of a request, in bytes.
pub(in crate::cli) fn header_bytes(text: &str) -> Result<usize, String> {
    let size = bytes(text).ok().and_then(|size| usize::try_from(size).ok());
    let size = size.filter(|size| HEAD_BYTES_RANGE.contains(size));
    size.ok_or_else(|| wanted("a size from 1KiB to 64KiB"))
}

/// Parses a count of at least 1: `200`, `10k`, `1M`.
pub(in crate::cli) fn count(text: &str) -> Result<u32, String> {
    const UNITS: [(&str, u64); 3] = [("k", 1_000), ("M", 1_000_000), ("", 1)];
    const WANTED: &str = "a count of at least 1, such as 200, 10k or 1M";
    let number = with_unit(text, &UNITS, WANTED)?;
    u32::try_from(number).ok().filter(|&number| number > 0).ok_or_else(|| wanted(WANTED))
}

/// Parses a rate per second: `500`, `5k/s`, `1M/s`.
pub(in crate::cli) fn rate(text: &str) -> Result<f64, String> {
    const UNITS: [(&str, u64); 3] = [("k", 1_000_000), ("M", 1_000_000_000), ("", 1_000)];
    const WANTED: &str = "a rate above zero such as 500, 5k/s or 1M/s";
    let thousandths = with_unit(text.strip_suffix("/s").unwrap_or(text), &UNITS, WANTED)?;
    match thousandths {
        0 => Err(wanted(WANTED)),
        thousandths => Ok(thousandths as f64 / 1e3),
    }
}

/// Parses a duration: `250ms`, `10s`, `5m`, `1h`, `1m30s`.
pub(in crate::cli) fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    const WANTED: &str = "a duration such as 250ms, 10s, 5m, 1h or 1m30s";
    if text.parse::<f64>().is_ok_and(|number| number > 0.0)
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return Err(format!("{}: {text}s?", wanted(WANTED)));
    }
    let mut milliseconds = 0_u64;
    let mut smallest = u64::MAX;
    for part in parts(text) {
        let part_ms = with_unit(part, &UNITS, WANTED)?;
        let unit = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').trim_start();
        let factor = UNITS.iter().find(|(name, _)| *name == unit).map_or(0, |(_, factor)| *factor);
        // Units must descend: `1m30s`, not `30s1m` or `1s1s`.
        if factor >= smallest {
            return Err(wanted(WANTED));
        }
        smallest = factor;
        milliseconds = milliseconds.saturating_add(part_ms);
    }
    // A year is as good as forever, and does not overflow when added to a time.
    const MILLISECONDS_MAX: u64 = 366 * 24 * 3_600_000;
    if milliseconds == 0 || milliseconds > MILLISECONDS_MAX {
        return Err(wanted(&format!("{WANTED}, above zero and at most a year")));
    }
    Ok(Duration::from_millis(milliseconds))
}

/// The parts of `1m30s`: each begins with a digit that follows a letter.
fn parts(text: &str) -> Vec<&str> {
    let is_start = |index: &usize| {
        let before = text[..*index].chars().next_back();
        before.is_some_and(char::is_alphabetic)
            && text[*index..].starts_with(|c: char| c.is_ascii_digit())
    };
    let starts: Vec<usize> = text.char_indices().map(|(index, _)| index).filter(is_start).collect();
    let ends = starts.iter().copied().chain([text.len()]);
    [0].iter().chain(&starts).zip(ends).map(|(&start, end)| &text[start..end]).collect()
}

/// Parses an address to connect to.
pub(in crate::cli) fn connect_address(text: &str) -> Result<Address, AddressError> {
    text.parse().map(Address::to_connect_to)
}

/// Parses an address to listen on.
pub(in crate::cli) fn listen_address(text: &str) -> Result<Address, String> {
    let address: Address = text.parse().map_err(|error: AddressError| error.to_string())?;
    match address.userinfo {
        None => Ok(address),
        Some(_) => Err("an address to listen on has no user or password".into()),
    }
}

/// A value that can be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct OrOff<T>(pub(in crate::cli) Option<T>);

/// Parses a duration, or `off`.
pub(in crate::cli) fn duration_or_off(text: &str) -> Result<OrOff<Duration>, String> {
    or_off(text, duration)
}

/// Parses a count, or `off`.
pub(in crate::cli) fn count_or_off(text: &str) -> Result<OrOff<u32>, String> {
    or_off(text, count)
}

fn or_off<T>(text: &str, parse: fn(&str) -> Result<T, String>) -> Result<OrOff<T>, String> {
    if text == "off" {
        return Ok(OrOff(None));
    }
    parse(text).map(|value| OrOff(Some(value))).map_err(|message| format!("{message}, or off"))
}

/// Parses a number, possibly with a decimal fraction, followed by one of the units.
fn with_unit(text: &str, units: &[(&str, u64)], wanted_form: &str) -> Result<u64, String> {
    let error = || wanted(wanted_form);
    let split = text.find(|character: char| !(character.is_ascii_digit() || character == '.'));
    let (number, unit) = text.split_at(split.unwrap_or(text.len()));
    let unit = unit.trim_start();
    let &(_, factor) = units.iter().find(|(name, _)| *name == unit).ok_or_else(error)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole: u64 = whole.parse().map_err(|_| error())?;
    let digits = fraction.len() as u32;
    let fraction: u64 = fraction.parse().map_err(|_| error())?;
    let scale = 10_u64.checked_pow(digits).ok_or_else(error)?;
    let fraction = fraction.checked_mul(factor).ok_or_else(error)? / scale;
    whole.checked_mul(factor).and_then(|bytes| bytes.checked_add(fraction)).ok_or_else(error)
}

fn wanted(form: &str) -> String {
    format!("expected {form}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_those_of_the_documentation() {
        assert_eq!(bytes("64KiB"), Ok(65_536));
        assert_eq!(bytes("64 B"), Ok(64));
        assert_eq!(bytes("1.5MiB"), Ok(1_572_864));
        assert_eq!(bytes("10kB"), Ok(10_000));
        assert_eq!((bytes("1M"), bytes("4k"), bytes("2G")), (Ok(1 << 20), Ok(4096), Ok(2 << 30)));
        assert_eq!((header_bytes("8KiB"), header_bytes("64K")), (Ok(8192), Ok(65_536)));
        assert_eq!(count("10k"), Ok(10_000));
        assert_eq!((rate("5k/s"), rate("0.5"), rate("1.5M")), (Ok(5e3), Ok(0.5), Ok(1.5e6)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1.5h"), Ok(Duration::from_secs(5_400)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1h1m1s1ms"), Ok(Duration::from_millis(3_661_001)));
        assert_eq!(duration_or_off("off"), Ok(OrOff(None)));
        assert_eq!(count_or_off("5"), Ok(OrOff(Some(5))));
    }

    #[test]
    fn other_values_are_refused_with_an_example() {
        for text in ["", "KiB", "-1", "1 parsec", "1.2.3KiB", "99999999999GiB", "1e3", "."] {
            assert!(bytes(text).unwrap_err().contains("64KiB"), "{text}");
        }
        for text in ["0", "5G", "off", "4294967296"] {
            assert!(count(text).is_err(), "{text}");
        }
        for text in ["0", "k/s", "-1", "5k/m"] {
            assert!(rate(text).unwrap_err().contains("5k/s"), "{text}");
        }
        for text in ["1m30", "30s1m", "1s1s", "1m 30s", "m30s", "1mm"] {
            assert!(duration(text).is_err(), "{text}");
        }
        for text in ["10", "1.5"] {
            assert!(duration(text).unwrap_err().ends_with(&format!(": {text}s?")), "{text}");
        }
        for text in ["0", "1023", "65KiB", "lots"] {
            assert!(header_bytes(text).unwrap_err().contains("1KiB to 64KiB"), "{text}");
        }
        for text in ["10", "0s", "10 days", "off", "9000h"] {
            assert!(duration(text).unwrap_err().contains("250ms"), "{text}");
        }
        assert!(duration_or_off("of").unwrap_err().ends_with("or off"));
    }
}
