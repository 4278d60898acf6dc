//! A forest plot as SVG: every change with its interval on one scale. Intervals that do not touch
//! the line in the middle are shown differences.

use super::super::super::result::compare::{Change, Comparison, Difference};
use super::super::comparison::name;
use super::super::quantity::{percent, signed_percent};
use super::chart::{multiples, step};
use super::markup::escaped;

/// CSS pixels: the width of the chart, the names on the left, the right margin, a row, and the
/// labels below.
const WIDTH: f64 = 640.0;
const LEFT: f64 = 110.0;
const RIGHT: f64 = 30.0;
const ROW: f64 = 32.0;
const BOTTOM: f64 = 28.0;

/// The least reach of the scale to either side: 1 %.
const REACH_MIN: f64 = 0.01;

/// The most reach: larger changes are drawn at the edge.
const REACH_MAX: f64 = 10.0;

/// The chart; empty if nothing could be compared.
pub(super) fn forest(comparison: &Comparison<'_>) -> String {
    let compared = |change| Some((name(change), change.difference.as_ref().ok()?));
    let rows: Vec<(&str, &Difference)> =
        comparison.changes.iter().filter_map(|change: &Change| compared(change)).collect();
    if rows.is_empty() {
        return String::new();
    }
    let reach = rows.iter().map(|(_, it)| it.change.abs() + it.margin).fold(REACH_MIN, f64::max);
    let paper = Paper { reach: reach.min(REACH_MAX) * 1.1, height: rows.len() as f64 * ROW };
    let lines: String = rows.iter().enumerate().map(|(row, it)| paper.row(row, it)).collect();
    let description: Vec<String> = rows
        .iter()
        .map(|(name, it)| format!("{name} {} ± {}", signed_percent(it.change), percent(it.margin)))
        .collect();
    format!(
        "<figure>\n<figcaption><h3>Change from A to B</h3>\n\
         <p>Each bar is the 95 % interval between runs. A bar that excludes 0 % shows a \
         difference.</p></figcaption>\n\
         <svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-labelledby=\"forest-t forest-d\">\n\
         <title id=\"forest-t\">Change from A to B</title><desc id=\"forest-d\">{}.</desc>\n\
         {}{lines}</svg>\n</figure>\n",
        paper.height + BOTTOM,
        escaped(&description.join(", ")),
        paper.grid(),
    )
}

/// A scale with 0 % in its middle.
struct Paper {
    reach: f64,
    height: f64,
}

impl Paper {
    fn at(&self, change: f64) -> f64 {
        let place = (change / self.reach).clamp(-1.0, 1.0) / 2.0 + 0.5;
        LEFT + place * (WIDTH - LEFT - RIGHT)
    }

    fn grid(&self) -> String {
        let ticks = multiples(step(2.0 * self.reach, 6.0), -self.reach, self.reach);
        let tick = |tick: f64| {
            let (x, height) = (self.at(tick), self.height);
            let class = if tick.abs() < 1e-9 { "tick" } else { "rule" };
            let label = signed_percent(tick).replace(".0 %", " %").replace("+0 %", "0 %");
            format!(
                "<path class=\"{class}\" d=\"M{x:.1} 0V{height:.1}\"/>\
                 <text class=\"x\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>\n",
                height + 19.0,
                escaped(&label)
            )
        };
        ticks.into_iter().map(tick).collect()
    }

    fn row(&self, row: usize, (name, it): &(&str, &Difference)) -> String {
        let y = (row as f64 + 0.5) * ROW;
        let class = if it.is_shown { "one" } else { "three" };
        let [from, middle, to] = [-it.margin, 0.0, it.margin].map(|by| self.at(it.change + by));
        format!(
            "<text class=\"y\" x=\"{:.1}\" y=\"{:.1}\">{}</text><path class=\"line {class}\" \
             d=\"M{from:.1} {y:.1}H{to:.1}\"/><circle class=\"dot {class}\" cx=\"{middle:.1}\" \
             cy=\"{y:.1}\" r=\"4\"/>\n",
            LEFT - 10.0,
            y + 4.0,
            escaped(name)
        )
    }
}
