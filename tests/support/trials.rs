//! How often a comparison is right: in trials drawn from runs of the same server, which must not be
//! called different, and from the same runs with a change added to one side, which must be.

use halloo::load::result::compare::{COMPARED, Design, Values, differences};

/// Metrics of a run, in the order of [`COMPARED`].
pub(crate) type Figures = [f64; COMPARED.len()];

/// Two consecutive runs.
pub(crate) type Round = [Figures; 2];

/// The relative resolution of a time in a histogram.
const RESOLUTION: f64 = 0.001;

/// The results of all trials for one metric.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Trials in which the sides were called different.
    pub(crate) different: u32,
    /// Trials in which the comparison could have shown the change that was added.
    pub(crate) possible: u32,
    /// Trials among these in which it showed the change, in the right direction.
    pub(crate) found: u32,
}

/// Parses rounds from lines of `side,started_at,p50,p90,p99,rate,server_cpu` with a header line, in
/// order of time.
pub(crate) fn rounds(csv: &str) -> Result<Vec<Round>, String> {
    let lines = csv.lines().skip(1).filter(|line| !line.is_empty());
    let runs = lines.map(figures).collect::<Result<Vec<Figures>, String>>()?;
    Ok(runs.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect())
}

fn figures(line: &str) -> Result<Figures, String> {
    let fields = line.split(',').skip(2).map(str::parse::<f64>);
    let fields: Result<Vec<f64>, _> = fields.collect();
    let fields = fields.map_err(|error| format!("'{line}': {error}"))?;
    fields.try_into().map_err(|_| format!("'{line}': expected {} figures", COMPARED.len()))
}

/// Draws trials of 5 to 10 consecutive rounds, with the change added to the second side: 0.1 makes
/// it 10 % slower. Which run of a round belongs to which side is drawn each time.
pub(crate) fn draw(
    rounds: &[Round],
    trials: u32,
    seed: u64,
    added: f64,
) -> [Counts; COMPARED.len()] {
    let mut random = Random(seed);
    let mut counts = [Counts::default(); COMPARED.len()];
    for _ in 0..trials {
        let length = 5 + random.below(6);
        let start = random.below(rounds.len() - length + 1);
        let mut sides = [Vec::new(), Vec::new()];
        for round in &rounds[start..start + length] {
            let first = random.below(2);
            sides[0].push(round[first]);
            sides[1].push(slowed(&round[1 - first], added));
        }
        for (count, it) in counts.iter_mut().zip(compared(&sides)) {
            count.different += u32::from(it.is_shown);
            // A rate that falls by 10 % changes by less than a time that grows by 10 %.
            let is_possible = added > 0.0 && it.detectable <= added / (1.0 + added);
            count.possible += u32::from(is_possible);
            count.found += u32::from(is_possible && it.is_shown);
        }
    }
    counts
}

fn compared(sides: &[Vec<Figures>; 2]) -> Vec<halloo::load::result::compare::Difference> {
    let values = COMPARED.iter().enumerate().map(|(index, name)| {
        let [a, b] = [0, 1].map(|side: usize| sides[side].iter().map(|run| run[index]).collect());
        Values { a, b, resolution: if name.starts_with('p') { RESOLUTION } else { 0.0 } }
    });
    differences(&values.collect::<Vec<_>>(), Design::Rounds)
}

/// A slower run: its times are longer, its rate is lower.
fn slowed(figures: &Figures, added: f64) -> Figures {
    std::array::from_fn(|index| match COMPARED[index] {
        "rate" => figures[index] / (1.0 + added),
        _ => figures[index] * (1.0 + added),
    })
}

/// SplitMix64: the same draws every time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        ((u128::from(mixed) * bound as u128) >> 64) as usize
    }
}
