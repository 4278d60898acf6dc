//! Thresholds: what is understood, what is crossed, and what a wrong one is told.

use super::outcome;
use halloo::load::compare::Comparison;
use halloo::load::metric::METRICS;
use halloo::load::threshold::Threshold;

fn complaint(text: &str) -> Option<String> {
    text.parse::<Threshold>()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .complaint(&outcome::open(100))
}

#[test]
fn crossed_with_the_measured_value() {
    // Of the whole run half took some 184 µs and the longest 700 ms; 41 lost, 3 reordered, 50 errors.
    for (text, value) in [
        ("p50>100us", "p50 is 18"),
        ("max > 0.5s", "max is "),
        ("errors>0", "errors is 94: crosses errors>0"),
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
fn kept() {
    for text in
        ["p50>5ms", "lost>41", "lost<41", "rate<99/s", "rate>1M/s", "max>1s", "server.cpu>0.9"]
    {
        assert_eq!(complaint(text), None, "{text}");
    }
}

#[test]
fn what_was_not_measured_is_not_kept() {
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
fn a_wrong_one_is_told_what_would_do() {
    for (text, words) in [
        ("p99", "expected a metric, <, <=, > or >="),
        ("p98>1ms", "'p98' is not measured; metrics are p50, "),
        (">1ms", "'' is not measured"),
        ("p99>5", "'5' is no bound of p99: expected a time such as 200us, 5ms or 1s, or a change"),
        ("max>5", "expected a time such as 200us, 5ms or 1s"),
        ("errors>none", "expected a count such as 0"),
        ("rate<10ms", "expected a rate such as 500/s"),
        ("server.rss>1", "expected a size such as"),
        (
            "errors>+5%",
            "changes are known of p50, p90, p99, p99.9, mean, rate, server.cpu_per_message",
        ),
        ("p99=5ms", "expected a metric"),
        ("p99>-5ms", "'-5ms' is no bound"),
        ("p99>+nan%", "no bound"),
        ("p99>", "'' is no bound"),
    ] {
        let error = text.parse::<Threshold>().expect_err(text);
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn every_metric_has_bounds_that_it_shows_and_reads() {
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
fn changes_must_be_more_than_chance() {
    let before = outcome::closed(1, 20, 300, 180.0);
    let slower = outcome::closed(2, 20, 300, 200.0);
    let same = outcome::closed(3, 20, 300, 180.0);
    let judge = |text: &str, after| {
        let threshold: Threshold = text.parse().unwrap();
        assert!(threshold.is_relative());
        let comparison = Comparison::new(&before, after).unwrap();
        threshold.complaint_between(&comparison, after)
    };
    let complaint = judge("p50>+5%", &slower).expect("11 % is more than 5 %");
    assert!(complaint.starts_with("p50 changed by +"), "{complaint}");
    assert!(complaint.ends_with(": crosses p50>+5%"), "{complaint}");
    assert_eq!(judge("p50>+20%", &slower), None);
    assert_eq!(judge("p50>+0%", &same), None, "a difference that is not shown is none");
    assert_eq!(judge("rate<-3%", &slower), None);
    let few = outcome::closed(3, 3, 300, 180.0);
    assert!(judge("p50>+5%", &few).expect("3 intervals tell nothing").contains("too few"));
    let absolute: Threshold = "p50>190us".parse().unwrap();
    let comparison = Comparison::new(&before, &slower).unwrap();
    assert!(absolute.complaint_between(&comparison, &slower).is_some());
    assert!("p50>+5%".parse::<Threshold>().unwrap().complaint(&before).is_some());
}
