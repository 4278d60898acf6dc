//! A measurement from a program: `cargo run --release --example bench [URL]`. Without a URL it
//! measures a server of its own.

#![allow(clippy::print_stdout)]

use halloo::load::plan::{Pace, Plan, WindowEnd};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = halloo::serve("ws://127.0.0.1:0")?;
    let url = std::env::args().nth(1).unwrap_or_else(|| server.url().to_owned());
    let plan = Plan {
        connections: 10,
        // An open loop: latency counts from when a message was due.
        pace: Pace::Open { rate: 1000.0 },
        warm_up: Duration::from_millis(200),
        end: WindowEnd::Time(Duration::from_secs(2)),
        ..Plan::default()
    };
    let outcome = halloo::bench(&url, &plan)?;
    println!("{}: {}", outcome.headline(), outcome.verdict_reason);
    println!("{} echoes, {:.0} per second", outcome.messages.received, outcome.messages_per_second);
    let latency = outcome.latency_us;
    for (name, us) in [("p50", latency.p50), ("p99", latency.p99), ("max", latency.max)] {
        // A figure is absent if too many messages were lost.
        println!("{name} {}", us.map_or("unknown".into(), |us| format!("{us:.1} µs")));
    }
    Ok(())
}
