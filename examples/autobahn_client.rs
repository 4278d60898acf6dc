//! The client that the Autobahn test suite drives: it requests the number of cases, echoes through
//! each of them, and requests the report.
//!
//! `autobahn_client ws://127.0.0.1:9001`

use halloo::limits::{Limits, RECEIVE_BUFFER_BYTES};
use halloo::net::os::random;
use halloo::net::{Address, Reactor, System};
use halloo::proto::deflate::Settings;
use halloo::proto::handshake::Offer;
use halloo::proto::{Batch, Config, End, Framing, Message, Outbox, Role};
use halloo::service::{Context, Echo, Service};
use std::error::Error;
use std::rc::Rc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let address: Address = std::env::args().nth(1).ok_or("usage: autobahn_client URL")?.parse()?;
    let mut client = Client::new(address)?;
    let count: u32 = client.visit("/getCaseCount")?.parse()?;
    for case in 1..=count {
        client.visit(&format!("/runCase?case={case}&agent=halloo"))?;
    }
    client.visit("/updateReports?agent=halloo")?;
    Ok(())
}

struct Client {
    address: Address,
    reactor: Reactor<System, Visit>,
}

impl Client {
    fn new(address: Address) -> Result<Self> {
        let batch = Batch::new(RECEIVE_BUFFER_BYTES, random::from_system());
        let reactor = Reactor::new(System::new()?, Visit::default(), Limits::default(), batch);
        Ok(Self { address, reactor })
    }

    /// Echoes everything under this target until the server closes. Returns the first text.
    fn visit(&mut self, target: &str) -> Result<String> {
        let mut config = Config::new(Role::Client, Framing::WebSocket);
        config.whole_messages = true;
        config.deflate = cfg!(feature = "deflate")
            .then_some(Settings { context_takeover: false, message_bytes_min: 0 });
        config.offer =
            Offer { target: target.into(), host: self.address.host_field(), ..Offer::default() };
        let endpoint = self.address.resolve()?.into_iter().next().ok_or("no address")?;
        *self.reactor.service_mut() = Visit::default();
        self.reactor.connect(&endpoint, Rc::new(config))?;
        while self.reactor.connections() > 0 {
            self.reactor.turn(None, &mut |_| {})?;
        }
        Ok(std::mem::take(&mut self.reactor.service_mut().first_text))
    }
}

/// One connection: an echo that keeps the first text.
#[derive(Default)]
struct Visit {
    first_text: String,
}

impl Service for Visit {
    fn on_message(&mut self, context: &Context, message: Message<'_>, outbox: &mut Outbox<'_>) {
        if context.messages == 1 {
            self.first_text = String::from_utf8_lossy(message.payload).into_owned();
        }
        Echo.on_message(context, message, outbox);
    }

    fn on_close(&mut self, _context: &Context, _end: End) {}
}
