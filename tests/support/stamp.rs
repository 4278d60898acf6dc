//! Responses of the timestamp service: `[Thu May 10 22:00:19 2018] data`.

use jiff::civil::DateTime;
use jiff::{SpanRound, Unit, Zoned};

/// Whether `line` is `data` after a local time of the last minute in the format of C's `ctime`.
pub(crate) fn is_stamped(line: &str, data: &str) -> bool {
    let parts = line.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    parts.is_some_and(|(stamp, rest)| rest == data && is_ctime_of_now(stamp))
}

/// Asserts that these lines are the responses to these data, in this order.
#[track_caller]
pub(crate) fn assert_stamped(lines: &str, data: &[&str]) {
    let is_right = lines.lines().count() == data.len()
        && lines.lines().zip(data).all(|(line, data)| is_stamped(line, data));
    assert!(is_right, "expected a stamp before each of {data:?}, not {lines:?}");
}

fn is_ctime_of_now(stamp: &str) -> bool {
    // ctime pads the day with a blank, so there are always 24 characters.
    let Ok(time) = DateTime::strptime("%a %b %e %H:%M:%S %Y", stamp) else { return false };
    let age = Zoned::now().datetime() - time;
    let seconds = age
        .round(SpanRound::new().largest(Unit::Second).days_are_24_hours())
        .map_or(i64::MAX, |age| age.get_seconds());
    stamp.len() == 24 && (-1..60).contains(&seconds)
}
