//! Sends every message back with the local time as a prefix: `[Thu May 10 22:00:19 2018] time`.

use super::{Context, Service};
use crate::proto::{Message, Outbox};
use jiff::civil::DateTime;
use std::fmt::Write;

/// Sends every message back with the local time as a prefix.
pub struct Timestamp<C> {
    local_time: C,
    stamp: String,
}

impl<C: FnMut() -> DateTime> Timestamp<C> {
    /// Creates a service that reads this clock of local time once per message.
    pub fn new(local_time: C) -> Self {
        Self { local_time, stamp: String::new() }
    }
}

impl<C: FnMut() -> DateTime> Service for Timestamp<C> {
    fn on_message(&mut self, _context: &Context, message: Message<'_>, outbox: &mut Outbox<'_>) {
        self.stamp.clear();
        // As in C's ctime, the day of the month is padded with a space.
        let time = (self.local_time)().strftime("%a %b %e %H:%M:%S %Y");
        write!(self.stamp, "[{time}] ").expect("writing to a string never fails");
        outbox.send(message.kind, &[self.stamp.as_bytes(), message.payload]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn the_day_is_padded_as_ctime_does() {
        let format = |time: DateTime| time.strftime("%a %b %e %H:%M:%S %Y").to_string();
        assert_eq!(format(date(2018, 5, 10).at(22, 0, 19, 0)), "Thu May 10 22:00:19 2018");
        assert_eq!(format(date(2018, 5, 9).at(7, 8, 1, 0)), "Wed May  9 07:08:01 2018");
    }
}
