//! One run of the load generator in a world of its own.

use crate::network::SimulatedNetwork;
use crate::oracle;
use crate::plan::Scenario;
use crate::sabotage::Bug;
use crate::stalls::SimulatedInstruments;
use crate::world::{SharedWorld, World};
use halloo::load::result::outcome::{Kind, PERCENTILE_MAX};
use halloo::load::run::{Progress, Run, Stop, Watch};
use halloo::load::{Labels, Outcome};
use halloo::net::Endpoint;
use halloo::proto::handshake::Offer;
use halloo::proto::{Config, Role};
use jiff::Timestamp;
use std::cell::RefCell;
use std::rc::Rc;

/// What came of a seed.
pub(crate) struct Result {
    pub(crate) failure: Option<String>,
    pub(crate) hash: u64,
    pub(crate) scenario: Scenario,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) trace: String,
}

/// Runs a seed, in a world that may have a bug.
pub(crate) fn run(seed: u64, sabotage: Option<Bug>) -> Result {
    let world = Rc::new(RefCell::new(World::new(seed, sabotage)));
    let mut outcome = measure(&world, seed);
    if let (Ok(outcome), Some(Bug::BlindBelief)) = (&mut outcome, sabotage) {
        outcome.valid_to = Some(PERCENTILE_MAX);
        outcome.not_believed.clear();
    }
    let world = world.borrow();
    let failure = match &outcome {
        Ok(outcome) => oracle::check(&world, outcome).err(),
        Err(stop) => oracle::check_stop(&world, stop).err(),
    };
    let is_shown = failure.is_some() || std::env::var_os("HALLOO_SEED").is_some();
    Result {
        failure,
        hash: world.trace.hash(),
        scenario: world.scenario.clone(),
        outcome: outcome.ok(),
        trace: if is_shown { world.trace.to_string() } else { String::new() },
    }
}

fn measure(world: &SharedWorld, seed: u64) -> std::result::Result<Outcome, Stop> {
    let scenario = world.borrow().scenario.clone();
    let config = Config {
        offer: Offer {
            target: "/".into(),
            host: "halloo.test".into(),
            subprotocols: Vec::new(),
            headers: Vec::new(),
        },
        ..Config::new(Role::Client, scenario.framing)
    };
    let mut random = crate::random::Random::new(!seed);
    let mut run = Run::new(
        scenario.plan(),
        config,
        // Nothing on this machine belongs to it: it is only a name.
        vec![Endpoint::Unix("/simulated".into())],
        SimulatedNetwork(Rc::clone(world)),
        Box::new(SimulatedInstruments::new(Rc::clone(world))),
        Box::new(move |bytes| random.fill(bytes)),
    )?;
    let mut watch = Observer(Rc::clone(world));
    run.connect(&mut watch)?;
    run.measure(&mut watch)?;
    let labels = Labels {
        kind: if scenario.is_hold() { Kind::Hold } else { Kind::Bench },
        command: "halloo".into(),
        target: "simulated".into(),
        needed: Vec::new(),
    };
    Ok(run.finish(&labels, &mut watch)?.expect("there was a window"))
}

/// Watches a run, and never stops it.
struct Observer(SharedWorld);

impl Watch for Observer {
    fn external(&mut self, _number: u32) {}

    fn time_of_day(&mut self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn wants_start(&mut self) -> bool {
        self.0.borrow_mut().awaits_start = true;
        true
    }

    fn wants_stop(&mut self) -> bool {
        false
    }

    fn progress(&mut self, _progress: &Progress<'_>) {}
}
