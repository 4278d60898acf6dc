//! How connections are closed at the end of a run: a limited number at a time, waiting as long as
//! closes complete.

use super::foreign::Foreign;
use super::measured::hold;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// A slow server: closing 320 connections takes it 1.5 s, 64 at a time.
const CLOSE_TIME: Duration = Duration::from_millis(300);

/// After this time without a completed close the remaining connections are dropped: closing all of
/// them takes longer.
const FLAGS: &str = "-c 320 -d 100ms --probe-every off --reply-timeout 1s";

#[test]
fn connections_are_closed_some_at_a_time_and_none_is_dropped() {
    let [closing, most, closed] = [(); 3].map(|()| Arc::new(AtomicUsize::new(0)));
    let counts = [&closing, &most, &closed].map(Arc::clone);
    let server = Foreign::start_bare("tcp", move |mut stream, _| {
        let [closing, most, closed] = &counts;
        // A dropped connection ends with an error, or together with all others.
        if matches!(stream.read(&mut [0; 16]), Ok(0)) {
            most.fetch_max(closing.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::sleep(CLOSE_TIME);
            closing.fetch_sub(1, Ordering::SeqCst);
            closed.fetch_add(1, Ordering::SeqCst);
        }
    });
    let outcome = hold(&server.url(), FLAGS).outcome;
    assert_eq!((outcome.connections.established, outcome.connections.lost), (320, 0));
    assert_eq!(closed.load(Ordering::SeqCst), 320);
    let most = most.load(Ordering::SeqCst);
    assert!((2..=64).contains(&most), "{most} were closed at once");
}
