//! The HTML page is self-contained and well-formed, and escapes all input.

use super::outcome;
use halloo::load::render::html;
use halloo::load::result::outcome::{EndedBy, Loss};
use halloo::load::{Outcome, Verdict};

const SCRIPT: &str = "<script>alert(\"1\")</script>'\"&lt;";

/// Checks that every element is closed, in order. Returns the number of elements by name.
#[track_caller]
pub(super) fn elements(page: &str) -> std::collections::BTreeMap<String, usize> {
    let (mut open, mut counts) = (Vec::new(), std::collections::BTreeMap::new());
    let page = page.strip_prefix("<!doctype html>\n").expect("a document type");
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        let name = tag.trim_start_matches('/').split([' ', '/']).next().expect("a name");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{tag}");
            continue;
        }
        *counts.entry(name.to_owned()).or_default() += 1;
        if !tag.ends_with('/') && name != "meta" {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
    counts
}

#[test]
fn the_page_has_every_section() {
    let page = html::render(&outcome::open(500));
    let counts = elements(&page);
    // The percentile curve and the latency over time are drawn in two widths, four more charts in
    // one.
    assert_eq!(counts["desc"], 2 + 2 + 4);
    assert_eq!(counts["figure"], 6);
    for words in [
        "<h1 class=\"valid\">",
        "<code>halloo bench <span class=\"flag\">-c</span> 1000 ",
        "</span> 30s ws://10.0.0.7:9527/echo</code>",
        ">99.9 %</text>",
        ">uncorrected</li>",
        "<h3>Connections</h3>",
        "<h3>CPU</h3>",
        "<h3>Memory</h3>",
        "close 1001 (going away)",
        "Kernel, both ends",
    ] {
        assert!(page.contains(words), "{words}");
    }
    for number in ["NaN", "inf\"", "Infinity"] {
        assert!(!page.contains(number), "{number}");
    }
}

#[test]
fn nothing_is_fetched_and_nothing_runs() {
    for outcome in [outcome::open(50), outcome::hold(), outcome::nothing()] {
        let page = html::render(&outcome);
        for needle in ["<script", "<link", "<img", "<iframe", " src=", " href=", "url(", "@import"]
        {
            assert!(!page.contains(needle), "{needle}");
        }
        assert!(page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'\""));
    }
}

#[test]
fn input_is_escaped() {
    let fields: [fn(&mut Outcome); 9] = [
        |it| it.command = SCRIPT.into(),
        |it| it.target = SCRIPT.into(),
        |it| it.program = SCRIPT.into(),
        |it| it.started_at = SCRIPT.into(),
        |it| it.verdict_reason = SCRIPT.into(),
        |it| (it.verdict, it.ceiling) = (Verdict::Ceiling, Some(SCRIPT.into())),
        |it| it.errors = [(SCRIPT.into(), 1)].into(),
        |it| it.endings = [(SCRIPT.into(), 1)].into(),
        |it| {
            let (by, how) = (EndedBy::Server, SCRIPT.into());
            it.ledger =
                vec![Loss { connection: 0, by, how, at_s: 1.0, after_s: 1.0, in_window_s: None }];
        },
    ];
    for (index, spoil) in fields.into_iter().enumerate() {
        let mut outcome = outcome::closed(1, 3, 20, 180.0);
        spoil(&mut outcome);
        let page = html::render(&outcome);
        assert!(!page.contains("<script"), "field {index}");
        assert!(page.contains("&lt;script&gt;alert(&quot;1&quot;)"), "field {index}");
        elements(&page);
    }
}

#[test]
fn outcomes_with_little_or_no_data_are_rendered() {
    elements(&html::render(&outcome::nothing()));
    for intervals in [1, 2] {
        let page = html::render(&outcome::closed(1, intervals, 1, 180.0));
        elements(&page);
        assert!(!page.contains("NaN"));
    }
    let mut silent = outcome::closed(1, 10, 0, 180.0);
    silent.intervals.iter_mut().for_each(|interval| interval.server_cpu = None);
    let page = html::render(&silent);
    elements(&page);
    assert!(page.contains("<h3>Messages received</h3>") && !page.contains("By percentile"));
}

#[test]
fn a_long_run_is_reduced_to_the_points_that_fit() {
    let mut outcome = outcome::closed(1, 1, 50, 180.0);
    let one = outcome.intervals[0].clone();
    outcome.intervals.clear();
    for second in 0..1_000_u32 {
        let start_s = f64::from(second);
        outcome.intervals.push(halloo::load::result::outcome::Interval { start_s, ..one.clone() });
    }
    let page = html::render(&outcome);
    let counts = elements(&page);
    assert_eq!(counts["rect"], 250 * (2 + 4), "four intervals are one place, in each chart");
    assert!(page.contains(">5 min</text>"), "a long axis is in minutes");
}

#[test]
fn losses_at_one_moment_are_a_vertical_step() {
    let mut it = outcome::hold();
    let loss = it.ledger[0].clone();
    it.ledger = (0..50).map(|_| Loss { in_window_s: Some(31.4), ..loss.clone() }).collect();
    let page = html::render(&it);
    let start = page.find("aria-labelledby=\"connections-").expect("there is the chart");
    let chart = &page[start..];
    let line = chart.split("class=\"line one\" d=\"").nth(1).expect("there is the line");
    let path = line.split('"').next().expect("it ends");
    let places: Vec<(f64, f64)> = path
        .split(['M', 'L'])
        .filter_map(|place| place.split_once(' '))
        .map(|(x, y)| (x.parse().expect("a number"), y.parse().expect("a number")))
        .collect();
    // Level, straight down, level.
    let [start, above, below, end] = places[..] else { panic!("{path}") };
    assert!(start.1 == above.1 && above.0 == below.0 && below.1 == end.1, "{path}");
    assert!(below.1 > above.1 && start.0 < above.0 && below.0 < end.0, "{path}");
}
