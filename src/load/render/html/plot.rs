//! A line chart as SVG: axes, grid, lines, and tooltips.

use super::chart::{Scale, path};
use super::markup::escaped;

/// Room above and below the lines, for half a label and for the labels of the x axis.
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;

/// Room at the right, for half of the last label.
const RIGHT: f64 = 14.0;

/// The average width of a character in a label, at most, in the font of the style sheet.
const CHARACTER: f64 = 6.7;

/// A chart.
pub(super) struct Plot {
    /// Unique on the page.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// A description for readers who cannot see the chart.
    pub(super) description: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) series: Vec<Series>,
    /// Tooltips.
    pub(super) hints: Vec<Hint>,
}

/// A scale with its labelled ticks.
#[derive(Clone)]
pub(super) struct Axis {
    pub(super) scale: Scale,
    pub(super) ticks: Vec<(f64, String)>,
}

/// A line. The first, second and third differ in colour and dash pattern.
#[derive(Clone)]
pub(super) struct Series {
    pub(super) name: &'static str,
    /// Points, with gaps where the value is `None`.
    pub(super) points: Vec<(f64, Option<f64>)>,
}

/// The tooltip of a range of x.
pub(super) struct Hint {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) text: String,
}

/// A size of a chart, in CSS pixels at full column width, and the class that decides when it is
/// shown.
#[derive(Clone, Copy)]
pub(super) struct Size {
    class: &'static str,
    width: f64,
    height: f64,
}

/// The size of a chart in one of two columns, which become one in a narrow window.
pub(super) const HALF: &[Size] = &[Size { class: "always", width: 400.0, height: 210.0 }];

/// The sizes of a chart at full page width: scaling alone would make its text too small.
pub(super) const FULL: &[Size] = &[
    Size { class: "wide-only", width: 928.0, height: 320.0 },
    Size { class: "narrow-only", width: 340.0, height: 260.0 },
];

/// Class names of the series, in order.
const CLASSES: [&str; 3] = ["one", "two", "three"];

impl Plot {
    /// The chart in these sizes.
    pub(super) fn render(&self, sizes: &[Size]) -> String {
        sizes.iter().map(|&size| Drawing { plot: self, size, left: self.left() }.render()).collect()
    }

    /// Room for the labels of the y axis.
    fn left(&self) -> f64 {
        let widest = self.y.ticks.iter().map(|(_, label)| width(label)).fold(0.0, f64::max);
        widest + 10.0
    }
}

/// A chart in one size.
struct Drawing<'a> {
    plot: &'a Plot,
    size: Size,
    left: f64,
}

impl Drawing<'_> {
    fn render(&self) -> String {
        let Size { class, width, height } = self.size;
        let id = format!("{}-{class}", self.plot.id);
        format!(
            "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\n\
             <title id=\"{id}-t\">{title}</title><desc id=\"{id}-d\">{description}</desc>\n\
             {grid}{labels}{lines}{hints}</svg>\n",
            title = escaped(self.plot.title),
            description = escaped(&self.plot.description),
            grid = self.grid(),
            labels = self.x_labels(),
            lines = self.lines(),
            hints = self.hints(),
        )
    }

    fn at_x(&self, x: f64) -> f64 {
        self.left + self.plot.x.scale.place(x) * (self.size.width - self.left - RIGHT)
    }

    fn at_y(&self, y: f64) -> f64 {
        TOP + (1.0 - self.plot.y.scale.place(y)) * (self.size.height - TOP - BOTTOM)
    }

    fn grid(&self) -> String {
        let left = self.left;
        let (right, base) = (self.size.width - RIGHT, self.size.height - BOTTOM);
        let axis = format!("<path class=\"tick\" d=\"M{left:.1} {base:.1}H{right:.1}\"/>\n");
        let lines = self.plot.y.ticks.iter().map(|(value, label)| {
            let y = self.at_y(*value);
            format!(
                "<path class=\"rule\" d=\"M{left:.1} {y:.1}H{right:.1}\"/><text class=\"y\" x=\"{:.1}\" \
                 y=\"{:.1}\">{}</text>\n",
                left - 8.0,
                y + 4.0,
                escaped(label)
            )
        });
        lines.collect::<String>() + &axis
    }

    /// Leaves out labels that would touch the previous one, but not their ticks.
    fn x_labels(&self) -> String {
        let base = self.size.height - BOTTOM;
        let mut text = String::new();
        let mut free_from = f64::NEG_INFINITY;
        for (value, label) in &self.plot.x.ticks {
            let x = self.at_x(*value);
            text += &format!("<path class=\"tick\" d=\"M{x:.1} {base:.1}v5\"/>");
            let half = width(label) / 2.0;
            let center = x.min(self.size.width - half - 1.0);
            if center - half >= free_from {
                let y = base + 19.0;
                let label = escaped(label);
                text += &format!("<text class=\"x\" x=\"{center:.1}\" y=\"{y:.1}\">{label}</text>");
                free_from = center + half + 8.0;
            }
            text.push('\n');
        }
        text
    }

    fn lines(&self) -> String {
        let mut text = String::new();
        let place = |&(x, y): &(f64, Option<f64>)| Some((self.at_x(x), self.at_y(y?)));
        // A filled area needs a scale from 0, since its height stands for the value.
        if let ([only], 0.0) = (&self.plot.series[..], self.plot.y.scale.min) {
            text += &self.area(only.points.iter().filter_map(place).collect());
        }
        // The first series is drawn last, on top.
        for (series, class) in self.plot.series.iter().zip(CLASSES).rev() {
            let line = path(series.points.iter().map(place));
            text += &format!("<path class=\"line {class}\" d=\"{line}\"/>\n");
            if let [only] = &series.points.iter().filter_map(place).collect::<Vec<_>>()[..] {
                let (x, y) = only;
                text += &format!(
                    "<circle class=\"dot {class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>\n"
                );
            }
        }
        text
    }

    /// The filled area between the line and the axis.
    fn area(&self, places: Vec<(f64, f64)>) -> String {
        let (Some(first), Some(last)) = (places.first(), places.last()) else {
            return String::new();
        };
        let base = self.size.height - BOTTOM;
        let (from, to) = (first.0, last.0);
        let line = path(places.into_iter().map(Some));
        format!("<path class=\"area\" d=\"{line}L{to:.1} {base:.1}L{from:.1} {base:.1}Z\"/>\n")
    }

    fn hints(&self) -> String {
        let height = self.size.height - TOP - BOTTOM;
        let hints = self.plot.hints.iter().map(|hint| {
            let (from, to) = (self.at_x(hint.from), self.at_x(hint.to));
            format!(
                "<rect class=\"hint\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{height}\">\
                 <title>{}</title></rect>\n",
                to - from,
                escaped(&hint.text)
            )
        });
        hints.collect()
    }
}

/// The legend; empty for a single series.
pub(super) fn legend(names: &[&str]) -> String {
    if names.len() < 2 {
        return String::new();
    }
    let entries = names.iter().zip(CLASSES).map(|(name, class)| {
        format!(
            "<li><svg viewBox=\"0 0 28 8\" width=\"28\" height=\"8\" aria-hidden=\"true\"><path class=\"line \
             {class}\" d=\"M0 4H28\"/></svg>{}</li>",
            escaped(name)
        )
    });
    format!("<ul class=\"legend\">{}</ul>\n", entries.collect::<String>())
}

fn width(label: &str) -> f64 {
    label.chars().count() as f64 * CHARACTER
}
