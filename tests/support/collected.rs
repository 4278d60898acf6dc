//! The output of a stream so far, collected by a thread.

use super::TIME_LIMIT;
use std::io::Read;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    is_ended: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// The output of one stream of a program.
pub(crate) struct Collected {
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
}

impl Collected {
    /// Starts a thread that reads to the end of the stream.
    pub(crate) fn start(mut stream: impl Read + Send + 'static) -> Self {
        let shared = Arc::<Shared>::default();
        let writes_to = Arc::clone(&shared);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let count = stream.read(&mut buffer).unwrap_or(0);
                let mut state = writes_to.state.lock().expect("no holder panics");
                state.bytes.extend_from_slice(&buffer[..count]);
                state.is_ended = count == 0;
                writes_to.changed.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        Self { shared, reader: Some(reader) }
    }

    /// The output so far.
    pub(crate) fn so_far(&self) -> String {
        let state = self.shared.state.lock().expect("no holder panics");
        String::from_utf8_lossy(&state.bytes).into_owned()
    }

    /// Waits until the output satisfies `is_enough`.
    ///
    /// # Errors
    ///
    /// The output so far, if the stream ends or the time limit passes first.
    pub(crate) fn wait_until(&self, is_enough: impl Fn(&str) -> bool) -> Result<String, String> {
        let text = |state: &State| String::from_utf8_lossy(&state.bytes).into_owned();
        let state = self.shared.state.lock().expect("no holder panics");
        let is_waiting = |state: &mut State| !state.is_ended && !is_enough(&text(state));
        let (state, _) = self
            .shared
            .changed
            .wait_timeout_while(state, TIME_LIMIT, is_waiting)
            .expect("no holder panics");
        let text = text(&state);
        if is_enough(&text) { Ok(text) } else { Err(text) }
    }

    /// The whole output, once the stream has ended.
    pub(crate) fn finish(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader does not panic");
        }
        self.so_far()
    }
}
