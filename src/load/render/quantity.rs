//! Formats quantities for people: three significant digits, commas between thousands, always a
//! unit.

/// A count: `1,234,567`.
pub use crate::load::units::thousands as count;

/// Three significant digits, and always all digits before the point: `0.123`, `1.23`, `12.3`,
/// `123`, `1,234`.
pub fn significant(number: f64) -> String {
    let size = number.abs();
    if !number.is_finite() {
        return "–".into();
    }
    if size >= 99.95 {
        let sign = if number < 0.0 { "-" } else { "" };
        return format!("{sign}{}", count(size.round() as u64));
    }
    match size {
        0.0 => "0".into(),
        _ if size >= 9.995 => format!("{number:.1}"),
        _ if size >= 0.9995 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

/// A measured time, given in µs: `850 ns`, `16.2 µs`, `1.24 ms`, `3.00 s`.
pub fn time_us(microseconds: f64) -> String {
    let (number, unit) = match microseconds.abs() {
        0.0 => (0.0, "µs"),
        size if size < 0.9995 => (microseconds * 1e3, "ns"),
        size if size < 999.5 => (microseconds, "µs"),
        size if size < 999.5e3 => (microseconds / 1e3, "ms"),
        _ => (microseconds / 1e6, "s"),
    };
    format!("{} {unit}", significant(number))
}

/// A duration, given in s: `850 ms`, `10.0 s`, `2 min 05 s`, `1 h 02 min`.
pub fn length_s(seconds: f64) -> String {
    if seconds == 0.0 {
        return "0 s".into();
    }
    if seconds < 59.95 {
        return time_us(seconds * 1e6);
    }
    let whole = seconds.round() as u64;
    match whole / 3_600 {
        0 => format!("{} min {:02} s", whole / 60, whole % 60),
        hours => format!("{} h {:02} min", count(hours), whole / 60 % 60),
    }
}

/// A rate: `98,123/s`.
pub fn per_second(number: f64) -> String {
    format!("{}/s", significant(number))
}

/// A number of bytes, in decimal units: `64 B`, `6.40 MB`.
pub fn bytes(number: f64) -> String {
    scaled(number, 1e3, &["B", "kB", "MB", "GB", "TB"])
}

/// A memory size, given in KiB, in binary units: `132 B`, `4.15 KiB`, `24.0 MiB`.
pub fn memory_kib(kib: f64) -> String {
    scaled(kib * 1024.0, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB"])
}

/// CPUs kept busy: `0.42 CPU`.
pub fn cpus(number: f64) -> String {
    format!("{number:.2} CPU")
}

/// A share, 0 to 1, in percent: `4.1 %`.
pub fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

/// A relative change, with its sign: `+4.1 %`.
pub fn signed_percent(part: f64) -> String {
    format!("{:+.1} %", part * 100.0)
}

/// A number in the largest unit in which it is at least 1. Bytes have no decimals.
fn scaled(number: f64, step: f64, units: &[&str]) -> String {
    let (mut number, mut index) = (number, 0);
    while number.abs() >= step - 0.5 && index + 1 < units.len() {
        number /= step;
        index += 1;
    }
    let text = if index == 0 { count(number.round() as u64) } else { significant(number) };
    format!("{text} {}", units[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_separated_thousands() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (u64::MAX, "18,446,744,073,709,551,615")]
        {
            assert_eq!(count(number), text);
        }
        for (number, text) in [
            (0.0, "0"),
            (0.1234, "0.123"),
            (0.9996, "1.00"),
            (9.996, "10.0"),
            (99.96, "100"),
            (1_234.5, "1,235"),
            (-1_234.5, "-1,235"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(significant(number), text);
        }
    }

    #[test]
    fn units_change_where_the_rounded_number_reaches_a_thousand() {
        for (microseconds, text) in [
            (0.0, "0 µs"),
            (0.85, "850 ns"),
            (16.25, "16.2 µs"),
            (999.6, "1.00 ms"),
            (1_240.0, "1.24 ms"),
            (3e6, "3.00 s"),
            (3.6e9, "3,600 s"),
        ] {
            assert_eq!(time_us(microseconds), text);
        }
        for (seconds, text) in [
            (0.0, "0 s"),
            (0.85, "850 ms"),
            (10.0, "10.0 s"),
            (125.0, "2 min 05 s"),
            (3_720.0, "1 h 02 min"),
        ] {
            assert_eq!(length_s(seconds), text);
        }
        for (number, text) in [(64.0, "64 B"), (6.4e6, "6.40 MB"), (999.7, "1.00 kB")] {
            assert_eq!(bytes(number), text);
        }
        for (kib, text) in [(0.129, "132 B"), (4.15, "4.15 KiB"), (24_576.0, "24.0 MiB")] {
            assert_eq!(memory_kib(kib), text);
        }
    }
}
