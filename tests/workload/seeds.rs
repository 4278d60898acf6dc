//! Which seeds run, and what is shown of those that fail.

use crate::plan::Scenario;
use crate::simulation;
use std::ops::Range;

/// Failing seeds that are shown.
const SHOWN: usize = 20;

/// Runs these seeds; panics with those that fail, and says how to replay each.
#[expect(clippy::print_stdout, reason = "a replay shows what happened")]
pub(crate) fn check_all(seeds: Range<u64>, mut each: impl FnMut(&simulation::Result)) {
    let count = seeds.end - seeds.start;
    let mut failures: Vec<(u64, String, Scenario)> = Vec::new();
    let mut first_trace = String::new();
    for seed in seeds {
        let result = simulation::run(seed, None);
        if count == 1 {
            println!("{}{:#?}", result.trace, result.scenario);
            println!("{:?}", result.outcome.as_ref().map(|it| (it.verdict, &it.verdict_reason)));
        }
        each(&result);
        if let Some(failure) = result.failure {
            if failures.is_empty() {
                first_trace = result.trace;
            }
            failures.push((seed, failure, result.scenario));
        }
    }
    if failures.is_empty() {
        return;
    }
    let shown: Vec<String> = failures
        .iter()
        .take(SHOWN)
        .map(|(seed, failure, scenario)| {
            let Scenario { framing, pace, connections, faults, .. } = scenario;
            format!(
                "HALLOO_SEED={seed} cargo test --test workload every: {failure}\n    {framing:?} {pace:?} \
                 {connections} connections, {faults:?}"
            )
        })
        .collect();
    panic!("{first_trace}\n{} of {count} seeds failed:\n{}", failures.len(), shown.join("\n"));
}
