//! A server within the test: the real reactor on the system's network, turned by the test itself.
//! There is no other process or thread, so a debugger or Miri sees all of it.

use halloo::limits::Limits;
use halloo::net::os::listener::SystemListener;
use halloo::net::os::random;
use halloo::net::{Address, Reactor, SocketOptions, System};
use halloo::proto::{Batch, Config, Role};
use halloo::service::Service;
use std::rc::Rc;
use std::time::Duration;

/// The size of the server's receive buffer: larger messages are streamed.
pub(crate) const BATCH_BYTES: usize = 64 * 1024;

/// The longest wait for an event in one turn.
const TURN_TIMEOUT: Duration = Duration::from_millis(5);

/// See the [module documentation](self).
pub(crate) struct Server<S: Service> {
    pub(crate) reactor: Reactor<System, S>,
    /// The address that it listens on, with the real port.
    pub(crate) address: Address,
}

impl<S: Service> Server<S> {
    /// Listens on `url` with default limits and options.
    pub(crate) fn start(url: &str, service: S) -> Self {
        let network = System::new().expect("a poll");
        let batch = Batch::new(BATCH_BYTES, random::from_system());
        let mut reactor = Reactor::new(network, service, Limits::default(), batch);
        let url: Address = url.parse().expect("a URL");
        let (listener, address) =
            SystemListener::bind(&url, &SocketOptions::default(), None).expect("a free place");
        let config = Config::new(Role::Server, url.framing);
        reactor.listen(listener, Rc::new(config)).expect("a listener");
        Self { reactor, address }
    }

    /// Runs one turn, with a short wait.
    pub(crate) fn turn(&mut self) {
        self.reactor.turn(Some(TURN_TIMEOUT), &mut |_| {}).expect("a turn");
    }
}
