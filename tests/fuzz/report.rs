//! Saved results: what is read is shown, merged and compared, and never a panic.

use halloo::load::Histogram;
use halloo::load::render::{comparison, hlog, html, text};
use halloo::load::result::compare::Comparison;
use halloo::load::result::merge::merge_forced;
use halloo::load::result::read::parse;

/// Text that begins like a histogram is also decoded alone: what is decoded is encoded as the same.
pub fn check(bytes: &[u8]) {
    if let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| text.starts_with("HIST"))
        && let Ok(histogram) = Histogram::decode(text)
    {
        let again = Histogram::decode(&histogram.encode()).expect("it was encoded by us");
        assert_eq!(again, histogram);
        histogram.latency();
    }
    let Ok(outcome) = parse(bytes) else { return };
    text::render(&outcome);
    html::render(&outcome);
    hlog::render(&outcome);
    let saved = serde_json::to_vec(&outcome).expect("it has JSON");
    assert!(parse(&saved).is_ok(), "what was read is read again");
    let both = [outcome.clone(), outcome];
    if let Ok(merged) = merge_forced(&both) {
        text::render(&merged);
        html::render(&merged);
    }
    if let Ok(compared) = Comparison::new(&both[..1], &both[1..], true) {
        comparison::render(&compared);
        html::render_comparison(&compared);
    }
}
