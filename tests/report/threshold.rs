//! Thresholds: parsing, crossing, and error messages.

use super::compare::rounds;
use super::outcome;
use halloo::load::result::compare::Comparison;
use halloo::load::result::metric::METRICS;
use halloo::load::result::outcome::Outcome;
use halloo::load::result::threshold::Threshold;

fn complaint(text: &str) -> Option<String> {
    text.parse::<Threshold>()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .complaint(&outcome::open(100))
}

#[test]
fn a_crossed_threshold_reports_the_measured_value() {
    // In the whole run half of the messages took some 184 µs and the longest 700 ms; 41 were lost,
    // 3 reordered; 50 errors, and 10 connections lost.
    for (text, value) in [
        ("p50>100us", "p50 is 18"),
        ("max > 0.5s", "max is "),
        ("errors>0", "errors is 104: crosses errors>0"),
        ("lost>=41", "lost is 41"),
        ("reordered>=3", "reordered is 3"),
        ("rate<100k/s", "rate is 100/s"),
        ("rate<=100", "rate is 100/s"),
        ("throughput<1MB/s", "throughput is 6.40 kB/s"),
        ("connections.failed>0", "connections.failed is 2"),
        ("server.cpu>0.5", "server.cpu is 0.63 CPU"),
        ("server.cpu>50%", "server.cpu is 0.63 CPU"),
        ("server.rss>4MiB", "server.rss is 4.33 MiB"),
        ("memory.kernel>8KiB", "memory.kernel is 8.31 KiB"),
        ("generator.late_sends>10", "generator.late_sends is 12"),
        ("mean>200µs", "mean is "),
    ] {
        let complaint = complaint(text).unwrap_or_else(|| panic!("{text} is crossed"));
        assert!(complaint.starts_with(value) && complaint.ends_with(text), "{complaint}");
    }
}

#[test]
fn thresholds_that_are_not_crossed() {
    for text in
        ["p50>5ms", "lost>41", "lost<41", "rate<99/s", "rate>1M/s", "max>1s", "server.cpu>0.9"]
    {
        assert_eq!(complaint(text), None, "{text}");
    }
}

#[test]
fn a_threshold_on_an_unmeasured_figure_fails() {
    let nothing = outcome::nothing();
    for text in ["p99>5ms", "server.cpu>0.9", "memory.server>1KiB", "connecting.p99>1s"] {
        let threshold: Threshold = text.parse().unwrap();
        let complaint = threshold.complaint(&nothing).expect(text);
        assert!(complaint.contains("was not measured"), "{complaint}");
    }
    let mut blind = outcome::open(10);
    blind.load.verified = false;
    let threshold: Threshold = "corrupted>0".parse().unwrap();
    assert!(threshold.complaint(&blind).is_some());
}

#[test]
fn an_invalid_threshold_is_rejected_with_the_valid_forms() {
    for (text, words) in [
        ("p99", "expected a metric, <, <=, > or >="),
        ("p98>1ms", "'p98' is not a metric; metrics are p50, "),
        (">1ms", "'' is not a metric"),
        (
            "p99>5",
            "'5' is not a valid threshold for p99: expected a time such as 200us, 5ms or 1s, or a change",
        ),
        ("max>5", "expected a time such as 200us, 5ms or 1s"),
        ("errors>none", "expected a count such as 0"),
        ("rate<10ms", "expected a rate such as 500/s"),
        ("server.rss>1", "expected a size such as"),
        (
            "errors>+5%",
            "changes are available for p50, p90, p99, rate, server.cpu_per_message, not for errors",
        ),
        ("p99=5ms", "expected a metric"),
        ("p99>-5ms", "'-5ms' is not a valid threshold"),
        ("p99>+nan%", "not a valid threshold"),
        ("p99>", "'' is not a valid threshold"),
    ] {
        let error = text.parse::<Threshold>().expect_err(text);
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn shown_values_of_every_metric_can_be_parsed() {
    let outcome = outcome::open(10);
    for metric in METRICS {
        let name = metric.name;
        let value = metric.value(&outcome).known().unwrap_or_else(|| panic!("{name} is measured"));
        let shown = metric.unit.show(value);
        let typed = shown.replace(',', "").replace(" CPU", "");
        let read = metric.unit.parse(&typed).unwrap_or_else(|| panic!("{name}: {typed}"));
        assert!((read - value).abs() <= 0.006 * value.abs(), "{name}: {value} {shown} {read}");
        let examples = metric.unit.examples();
        for example in examples.split(" such as ").nth(1).unwrap().replace(" or ", ", ").split(", ")
        {
            assert!(metric.unit.parse(example).is_some(), "{name}: {example}");
        }
    }
}

#[test]
fn a_figure_that_is_not_believed_cannot_be_judged() {
    let doubted = Outcome { not_believed: vec!["p99".into()], ..outcome::open(10) };
    let doubt = |text: &str| text.parse::<Threshold>().expect(text).doubt(&doubted);
    let reason = doubt("p99>1s").expect("it is doubted, however far from the bound");
    assert!(reason.starts_with("p99>1s cannot be judged: "), "{reason}");
    assert!(reason.contains("and stalls of the load generator may dominate it"), "{reason}");
    assert_eq!(doubt("p90>1us"), None);
}

/// The doubt and the complaint of a threshold about a comparison.
fn judged(text: &str, sides: &[Vec<Outcome>; 2]) -> (Option<String>, Option<String>) {
    let threshold: Threshold = text.parse().expect(text);
    let comparison = Comparison::new(&sides[0], &sides[1], false).expect("they can be compared");
    (threshold.doubt_between(&comparison), threshold.complaint_between(&comparison))
}

#[test]
fn changes_must_be_more_than_chance() {
    let (slower, same) = (rounds(6, [180.0, 200.0]), rounds(6, [180.0, 180.0]));
    let (doubt, complaint) = judged("p50>+5%", &slower);
    let complaint = complaint.expect("11 % is more than 5 %");
    assert!(complaint.starts_with("p50 changed by +"), "{complaint}");
    assert!(complaint.ends_with(": crosses p50>+5%"), "{complaint}");
    assert_eq!(doubt, None);
    for (text, sides) in [
        ("p50>+20%", &slower),
        ("p50>+0%", &same),
        ("rate<-15%", &slower),
        ("p50<+5%", &slower),
        ("p50>+12%", &same),
    ] {
        assert_eq!(judged(text, sides), (None, None), "{text}");
    }
    // A threshold that demands a gain is crossed without one.
    assert!(judged("p50>-5%", &same).1.is_some());
    assert_eq!(judged("p50>-5%", &rounds(6, [200.0, 180.0])), (None, None));
    assert!("p50>+5%".parse::<Threshold>().unwrap().complaint(&same[0][0]).is_some());
}

#[test]
fn a_change_that_these_runs_cannot_show_is_doubted() {
    let one = rounds(1, [180.0, 200.0]);
    let (doubt, complaint) = judged("p50>+5%", &one);
    let doubt = doubt.expect("one run each");
    assert!(doubt.contains("p50>+5% cannot be judged: one run per side is not enough"), "{doubt}");
    assert_eq!(complaint, None);
    let mut noisy = rounds(5, [180.0, 180.0]);
    for (run, factor) in noisy[1].iter_mut().zip([0.8, 1.3, 0.9, 1.2, 1.0]) {
        run.messages_per_second *= factor;
    }
    let (doubt, complaint) = judged("rate<-5%", &noisy);
    let doubt = doubt.expect("5 % cannot be shown");
    assert!(
        doubt.contains("cannot show a change below ± ") && doubt.contains(" more rounds"),
        "{doubt}"
    );
    assert_eq!(complaint, None);
    assert_eq!(judged("rate<-95%", &noisy), (None, None), "95 % would be shown");
}

#[test]
fn an_absolute_threshold_applies_to_each_run_of_the_second_side() {
    let sides = rounds(5, [180.0, 200.0]);
    let (_, complaint) = judged("p50>1us", &sides);
    let complaint = complaint.expect("all cross it");
    assert!(complaint.starts_with("in 5 of 5 runs of B, as in p50 is "), "{complaint}");
    assert_eq!(judged("p50>1s", &sides), (None, None));
    let mut doubted = sides.clone();
    doubted[1][2].not_believed = vec!["p50".into()];
    assert!(judged("p50>1s", &doubted).0.is_some());
}
