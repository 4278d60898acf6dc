//! Reading results: self-contradictory and hostile files.

use super::outcome;
use halloo::load::Outcome;
use halloo::load::render::{hlog, html, text};
use halloo::load::result::compare::Comparison;
use halloo::load::result::merge::merge_forced;
use halloo::load::result::read::parse;
use proptest::prelude::*;
use serde_json::{Value, json};

fn saved(outcome: &Outcome) -> Value {
    serde_json::to_value(outcome).expect("it has JSON")
}

fn read(value: &Value) -> Result<Outcome, String> {
    parse(value.to_string().as_bytes())
}

/// Everything that `report` does with a result.
fn show_everywhere(outcome: &Outcome) {
    let parts = [outcome.clone(), outcome::closed(1, 3, 20, 180.0)];
    text::render(outcome);
    html::render(outcome);
    hlog::render(outcome);
    if let Ok(merged) = merge_forced(&parts) {
        text::render(&merged);
        html::render(&merged);
    }
    if let Ok(comparison) = Comparison::new(&parts[..1], &parts[1..], true) {
        html::render_comparison(&comparison);
    }
}

#[test]
fn saved_results_are_read() {
    let all = [outcome::open(50), outcome::closed(1, 3, 20, 180.0), outcome::hold()];
    for outcome in all.into_iter().chain([outcome::nothing()]) {
        let text = saved(&outcome).to_string();
        for start in ["", "\u{feff}", "\n "] {
            let back = parse(format!("{start}{text}").as_bytes());
            assert_eq!(back.as_ref().map(saved), Ok(saved(&outcome)));
        }
        show_everywhere(&outcome);
    }
}

#[track_caller]
fn assert_refused(value: &Value, words: &str) {
    let reason = read(value).expect_err(words);
    assert!(reason.contains(words), "{reason:?} without {words:?}");
    assert!(!reason.contains('\n'), "a sentence: {reason:?}");
}

#[test]
fn text_that_is_not_utf_8_is_rejected() {
    let text = saved(&outcome::closed(1, 1, 5, 180.0)).to_string();
    for (bytes, mark) in [(u16::to_le_bytes as fn(u16) -> [u8; 2], true), (u16::to_be_bytes, false)]
    {
        let units = || text.encode_utf16().flat_map(bytes);
        let marked: Vec<u8> = bytes(0xfeff).into_iter().chain(units()).collect();
        for file in [marked, units().collect()] {
            let reason = parse(&file).expect_err("it is UTF-16");
            assert!(reason.contains("is UTF-16 text: expected UTF-8"), "{mark} {reason}");
        }
    }
    assert!(parse(b"{\"a\": \"\xff\"}").unwrap_err().contains("is not UTF-8 text"));
    assert!(parse(b"").unwrap_err().contains("is not JSON"));
    assert!(parse(b"{} {}").unwrap_err().contains("is not JSON"));
    assert!(parse(&b"[".repeat(100_000)).unwrap_err().contains("is not JSON"));
}

#[test]
fn figures_that_disagree_with_their_histograms_are_rejected() {
    let good = saved(&outcome::open(50));
    for (pointer, change, words) in [
        ("/latency_us/p50", 1.01, "latency_us has p50"),
        ("/latency_us/p99_99", 1.01, "latency_us has p99.99"),
        ("/latency_us/mean", 0.99, "latency_us has mean"),
        ("/latency_us/min", 0.9, "latency_us has min"),
        ("/latency_uncorrected_us/max", 1.01, "latency_uncorrected_us has max"),
        ("/connecting/latency_us/p90", 1.01, "connecting.latency_us has p90"),
        ("/messages_per_second", 1.5, "messages_per_second is 75"),
    ] {
        let mut value = good.clone();
        let figure = value.pointer_mut(pointer).expect(pointer);
        *figure = json!(figure.as_f64().expect("a number") * change);
        assert_refused(&value, words);
    }
    for (pointer, figure, words) in [
        ("/latency_us/p99", json!(null), "latency_us has p99 null"),
        ("/latency_us/above_us", json!(5e6), "latency_us has above_us 5000000"),
        ("/messages/received", json!(1), "messages have a latency, but only 1"),
        ("/messages/sent", json!(1), "messages.sent is 1, but the intervals add up to 1500"),
        ("/intervals/3/sent", json!(0), "the intervals add up to 1450"),
        ("/intervals/3/histograms/beyond", json!(7), "histograms.beyond is 0"),
    ] {
        let mut value = good.clone();
        *value.pointer_mut(pointer).expect(pointer) = figure;
        assert_refused(&value, words);
    }
    let mut other = good.clone();
    other["intervals"][3]["histograms"] = good["intervals"][4]["histograms"].clone();
    assert_refused(&other, "do not add up to the whole");
    let mut lost = outcome::open(50);
    lost.histograms.beyond = 20;
    lost.latency_us = lost.histograms.latency_us(5.0);
    lost.latency_uncorrected_us = lost.histograms.uncorrected_us(5.0);
    assert_eq!(read(&saved(&lost)).map(|it| it.latency_us.p99), Ok(None), "bounds agree too");
}

/// JSON pointers to all numbers in a result.
fn numbers(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Number(_) => found.push(path.into()),
        Value::Array(list) => {
            // The first few elements represent the rest.
            for (index, value) in list.iter().enumerate().take(2) {
                numbers(value, &format!("{path}/{index}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                numbers(value, &format!("{path}/{}", name.replace('/', "~1")), found);
            }
        }
        _ => {}
    }
}

#[test]
fn sums_that_overflow_are_rejected() {
    let mut many = outcome::closed(1, 3, 20, 180.0);
    many.errors = (0..2_100).map(|number| (format!("error {number}").into(), 1 << 53)).collect();
    assert_refused(&saved(&many), "contradicts itself: its counts overflow");
}

#[test]
fn a_hostile_number_anywhere_is_rejected_or_shown() {
    let mut all = outcome::open(3);
    all.ledger = outcome::hold().ledger;
    all.intervals.truncate(2);
    let good = saved(&all);
    let mut places = Vec::new();
    numbers(&good, "", &mut places);
    assert!(places.len() > 80, "{}", places.len());
    for place in places {
        for (text, is_figure) in [
            ("18446744073709551615", false),
            ("9007199254740993", false),
            ("9007199254740992", true),
            ("-1", false),
            ("-0.0", false),
            ("1e300", false),
            ("1e999", false),
            ("1e-310", true),
            ("NaN", false),
        ] {
            let mut value = good.clone();
            *value.pointer_mut(&place).expect("it is there") = json!("HERE");
            let text = value.to_string().replace("\"HERE\"", text);
            match parse(text.as_bytes()) {
                Ok(outcome) => {
                    assert!(is_figure, "{place}: {text}");
                    show_everywhere(&outcome);
                }
                Err(reason) => assert!(!reason.is_empty(), "{place}"),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// With several bytes replaced, a small result is rejected or shown, without a panic.
    #[test]
    fn a_damaged_file_is_rejected_or_shown(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = saved(&outcome::closed(1, 2, 5, 180.0)).to_string().into_bytes();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(outcome) = parse(&bytes) {
            show_everywhere(&outcome);
        }
    }
}
