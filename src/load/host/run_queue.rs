//! How long this thread was runnable and waited for a CPU, as the scheduler counts it.

use rustix::fs::{Mode, OFlags};
use std::os::fd::OwnedFd;

/// The most bytes of the file: three 64-bit numbers, two spaces and a newline, rounded up.
const TEXT_BYTES: usize = 72;

/// Reads `/proc/thread-self/schedstat`: "time spent on the cpu, time spent waiting on a runqueue, #
/// of timeslices run on this cpu" (Documentation/scheduler/sched-stats.rst), in nanoseconds.
#[derive(Debug)]
pub(in crate::load) struct RunQueue {
    /// `None` if the system does not have the file.
    file: Option<OwnedFd>,
}

impl RunQueue {
    /// The counters of the calling thread.
    pub(in crate::load) fn of_this_thread() -> Self {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::open("/proc/thread-self/schedstat", flags, Mode::empty()).ok();
        Self { file }
    }

    /// Time waited since the thread started, in ns, and the number of timeslices; `None` if
    /// unknown. Costs one system call.
    pub(in crate::load) fn total(&self) -> Option<(u64, u64)> {
        let mut text = [0; TEXT_BYTES];
        let count = rustix::io::pread(self.file.as_ref()?, &mut text, 0).ok()?;
        parse(&text[..count])
    }
}

fn parse(text: &[u8]) -> Option<(u64, u64)> {
    let mut words = std::str::from_utf8(text).ok()?.split_ascii_whitespace().skip(1);
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_and_third_number_are_read() {
        assert_eq!(parse(b"1137463934 2095473 5211\n"), Some((2_095_473, 5_211)));
        for text in ["", "1 2", "1 x 3\n", "1 -2 3"] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn timeslices_are_counted() {
        let queue = RunQueue::of_this_thread();
        let Some((_, before)) = queue.total() else { return };
        std::thread::sleep(std::time::Duration::from_millis(1));
        assert!(queue.total().expect("it was known").1 > before);
    }
}
