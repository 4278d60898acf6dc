//! A line chart as SVG: axes, grid, lines, and what each place says when it is pointed at.

use super::chart::{Scale, path};
use super::markup::escaped;

/// Room above and below the lines, for half a label and for the labels of the x axis.
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;

/// Room at the right, for half of the last label.
const RIGHT: f64 = 14.0;

/// How wide a character of a label is, at most on average, with the font of the style sheet.
const CHARACTER: f64 = 6.7;

/// A chart.
pub(super) struct Plot {
    /// Unlike all others of the page.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// What a reader who does not see it should know.
    pub(super) description: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) series: Vec<Series>,
    /// What places say when they are pointed at.
    pub(super) hints: Vec<Hint>,
}

/// A scale with its ticks, each with its label.
#[derive(Clone)]
pub(super) struct Axis {
    pub(super) scale: Scale,
    pub(super) ticks: Vec<(f64, String)>,
}

/// A line. The first, second and third differ in colour and in dash.
#[derive(Clone)]
pub(super) struct Series {
    pub(super) name: &'static str,
    /// Values, with gaps where there is none.
    pub(super) points: Vec<(f64, Option<f64>)>,
}

/// What the places from one x to another say.
pub(super) struct Hint {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) text: String,
}

/// A size of a chart, in CSS pixels when it is as wide as its place, and the class that says when it is shown.
#[derive(Clone, Copy)]
pub(super) struct Size {
    class: &'static str,
    width: f64,
    height: f64,
}

/// Of a chart in one of two columns, which a narrow window has one of.
pub(super) const HALF: &[Size] = &[Size { class: "always", width: 400.0, height: 210.0 }];

/// Of a chart as wide as the page: text would become too small if it only shrank.
pub(super) const FULL: &[Size] = &[
    Size { class: "wide-only", width: 928.0, height: 320.0 },
    Size { class: "narrow-only", width: 340.0, height: 260.0 },
];

/// Class names of the series, in their order.
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

/// A chart of a size.
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

    /// Labels that would touch the one before are left out, their ticks are not.
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
        // A tint says that the line is as high as there is of it, so it takes a scale from 0.
        if let ([only], 0.0) = (&self.plot.series[..], self.plot.y.scale.min) {
            text += &self.area(only.points.iter().filter_map(place).collect());
        }
        // The first is drawn last, on top.
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

    /// A tint between the line and the axis.
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

/// Says which line is which; a single one needs no saying.
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
