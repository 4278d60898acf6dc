//! Prints the figures as a table.

use crate::workload::Workload;
use serde_json::json;

/// The measurement of one run.
#[derive(Debug)]
pub(crate) struct Figure {
    /// The main figure, in the workload's unit.
    pub(crate) value: f64,
    /// The number of messages or connections measured.
    pub(crate) count: u64,
    /// Messages or connections per second.
    pub(crate) rate: Option<f64>,
    pub(crate) note: Option<String>,
}

/// All runs of one workload against one server.
#[derive(Debug)]
pub(crate) struct Row {
    server: &'static str,
    figures: Vec<Figure>,
}

impl Row {
    pub(crate) fn new(server: &'static str) -> Self {
        Self { server, figures: Vec::new() }
    }

    pub(crate) fn push(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    fn values(&self) -> Vec<f64> {
        self.figures.iter().map(|figure| figure.value).collect()
    }

    fn print(&self, unit: &str) {
        let values = self.values();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(0.0, f64::max);
        let count: u64 = self.figures.iter().map(|figure| figure.count).sum();
        let rates: Vec<f64> = self.figures.iter().filter_map(|figure| figure.rate).collect();
        let rate = match rates.is_empty() {
            true => String::new(),
            false => format!(", {:.0}/s", median(rates)),
        };
        println!(
            "   {:8} {:>10} {unit}  ({} to {})   {count} in all{rate}",
            self.server,
            short(median(values)),
            short(least),
            short(most),
        );
        for note in self.figures.iter().filter_map(|figure| figure.note.as_ref()) {
            println!("            {note}");
        }
    }

    /// The ratio of its values to another server's, run by run.
    fn ratio_to(&self, other: &Self) -> f64 {
        let pairs = self.values().into_iter().zip(other.values());
        median(pairs.map(|(ours, theirs)| ours / theirs).collect())
    }
}

/// Prints the header of the columns.
pub(crate) fn print_heading() {
    println!("server CPU time or memory: median (least to most) of the runs");
}

/// Prints a workload: a line per server and, with two servers, their ratio.
pub(crate) fn print(workload: &Workload, rows: &[Row]) {
    println!("{} {}", workload.name(), workload.describe());
    for row in rows {
        row.print(workload.unit());
    }
    if let [ours, theirs] = rows {
        println!("   ratio    {:>10.3}", ours.ratio_to(theirs));
    }
}

/// Prints a workload as one line of JSON per server.
pub(crate) fn print_json(workload: &Workload, rows: &[Row]) {
    for row in rows {
        let rates: Vec<Option<f64>> = row.figures.iter().map(|figure| figure.rate).collect();
        let notes: Vec<_> = row.figures.iter().map(|figure| figure.note.as_deref()).collect();
        println!(
            "{}",
            json!({
                "workload": workload.name(),
                "describes": workload.describe(),
                "unit": workload.unit(),
                "server": row.server,
                "values": row.values(),
                "rates": rates,
                "notes": notes,
            })
        );
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => values[len / 2],
        len => f64::midpoint(values[len / 2 - 1], values[len / 2]),
    }
}

/// About three significant digits.
fn short(value: f64) -> String {
    match value {
        0.0..10.0 => format!("{value:.3}"),
        10.0..1000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
