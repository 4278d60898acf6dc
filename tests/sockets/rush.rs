//! Many clients that connect at once to a server that has no room for all of them.

use super::client::Client;
use super::process::Process;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

const CLIENTS: usize = 200;

/// The time in which another client must be served. The server aims at 50 ms; the rest is for a
/// machine that is busy with other tests.
pub(crate) const RESUME_MAX: Duration = Duration::from_millis(200);

/// Many clients that connected at once and have each sent one byte.
pub(crate) struct Crowd {
    pub(crate) served: Vec<Client>,
    pub(crate) waiting: Vec<Client>,
}

impl Crowd {
    pub(crate) fn rush(url: &str) -> Self {
        Self::rush_of(url, CLIENTS)
    }

    pub(crate) fn rush_of(url: &str, count: usize) -> Self {
        let knock = |_| {
            let mut client = Client::connect(url);
            // A rejected client cannot be written to.
            let _ = client.try_write(b"x");
            client.stream().set_nonblocking(true).expect("a socket");
            client
        };
        Self { served: Vec::new(), waiting: (0..count).map(knock).collect() }
    }

    /// Checks each waiting client once: it may have been served or rejected.
    pub(crate) fn look(&mut self) {
        let mut waiting = Vec::new();
        for mut client in self.waiting.drain(..) {
            match client.read(&mut [0; 8]) {
                Ok(1) => self.served.push(client),
                Err(error) if error.kind() == ErrorKind::WouldBlock => waiting.push(client),
                // Rejected: the end of the stream, or a reset because its byte was never read.
                Ok(0) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
                other => panic!("one byte is one byte: {other:?}"),
            }
        }
        self.waiting = waiting;
    }

    /// Waits until no further client is served for a while. Returns the number of served clients.
    pub(crate) fn settle(&mut self) -> usize {
        let mut quiet_since = Instant::now();
        while quiet_since.elapsed() < Duration::from_millis(300) {
            let before = self.served.len();
            self.look();
            if self.served.len() > before {
                quiet_since = Instant::now();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.served.len()
    }

    /// The time from the close of one client until another is served.
    pub(crate) fn replace_one(&mut self) -> Duration {
        let before = self.served.len() - 1;
        self.served.swap_remove(0);
        let start = Instant::now();
        while self.served.len() == before {
            assert!(start.elapsed() < Duration::from_secs(5), "another client is served");
            assert!(!self.waiting.is_empty(), "the test is too slow: all were rejected");
            self.look();
        }
        start.elapsed()
    }

    pub(crate) fn check_full_and_resuming(&mut self, name: &str, process: Process) {
        assert!(!self.waiting.is_empty(), "{name}: clients still wait");
        let before = process.processor_time();
        std::thread::sleep(Duration::from_secs(1));
        let busy = process.processor_time() - before;
        self.look();
        let resumes: Vec<Duration> = (0..5).map(|_| self.replace_one()).collect();
        let longest = resumes.iter().max().expect("five are connected");
        println!(
            "{name}: full, busy {busy:?} of a second; another client is served after {resumes:?}"
        );
        assert!(busy < Duration::from_millis(50), "{name}: busy for {busy:?} of a second");
        assert!(*longest < RESUME_MAX, "{name}: {resumes:?}");
    }
}
