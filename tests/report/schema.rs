//! The published schema describes every saved field and rejects everything else.

use super::outcome;
use halloo::load::Outcome;
use jsonschema::{Validator, validator_for};
use serde_json::{Value, json};

fn schema() -> Value {
    serde_json::from_str(include_str!("../../docs/bench.schema.json")).expect("it is JSON")
}

fn validator() -> Validator {
    validator_for(&schema()).expect("it is a schema")
}

#[track_caller]
fn assert_valid(value: &Value) {
    let validator = validator();
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

fn saved(outcome: &Outcome) -> Value {
    serde_json::to_value(outcome).expect("it has JSON")
}

#[test]
fn saved_results_are_valid_and_are_read_back() {
    let all = [outcome::open(50), outcome::closed(1, 3, 20, 180.0), outcome::hold()];
    for outcome in all.into_iter().chain([outcome::nothing()]) {
        let value = saved(&outcome);
        assert_valid(&value);
        let text = value.to_string();
        let back: Outcome = serde_json::from_str(&text).unwrap();
        assert_eq!(saved(&back), value);
        // Times are read back with three digits; everything else is unchanged.
        assert_eq!(back.latency_us, outcome.latency_us);
        assert_eq!(back.ledger, outcome.ledger);
    }
}

#[test]
fn fields_that_other_tools_rely_on_exist() {
    let value = saved(&outcome::open(50));
    let latency = ["min", "p50", "p90", "p99", "p99_9", "p99_99", "max", "mean"];
    let nested: [(&str, &[&str]); 6] = [
        ("connections", &["requested", "established", "failed"]),
        ("messages", &["sent", "received", "lost", "duplicated", "reordered", "corrupted"]),
        ("latency_us", &latency),
        ("latency_uncorrected_us", &latency),
        ("generator", &["cpu", "turn_us_max", "late_sends"]),
        ("server", &["cpu", "rss_kib"]),
    ];
    for (name, fields) in nested {
        for field in fields {
            assert!(value[name][field].is_number(), "{name}.{field}");
        }
    }
    for name in ["schema_version", "duration_s", "messages_per_second", "bytes_per_second"] {
        assert!(value[name].is_number(), "{name}");
    }
    for name in ["verdict", "command", "target", "started_at"] {
        assert!(value[name].is_string(), "{name}");
    }
    assert!(value["errors"].as_object().unwrap().values().all(Value::is_u64));
}

#[test]
fn missing_fields_and_wrong_types_are_rejected() {
    let good = saved(&outcome::open(10));
    let validator = validator();
    let optional = ["server", "memory", "ledger"];
    for name in good.as_object().unwrap().keys() {
        let mut missing = good.clone();
        missing.as_object_mut().unwrap().remove(name);
        assert_eq!(validator.is_valid(&missing), optional.contains(&name.as_str()), "{name}");
        let mut wrong = good.clone();
        // A nested array is never valid, whereas a count or a text may be null.
        wrong[name] = json!([[[]]]);
        assert!(!validator.is_valid(&wrong), "{name}");
    }
    for (pointer, wrong) in [
        ("/schema_version", json!(1)),
        ("/verdict", json!("FINE")),
        ("/verdict", json!("CEILING: ports")),
        ("/valid_to", json!(98)),
        ("/messages/lost", json!("none")),
        ("/messages/lost", json!(-1)),
        ("/latency_us/p99", json!("5 ms")),
        ("/errors", json!({"reset": 1.5})),
        ("/intervals/3/histograms/latency", json!("not a histogram")),
        ("/intervals/3/start_s", json!(null)),
        ("/load/verified", json!(1)),
    ] {
        let mut value = good.clone();
        *value.pointer_mut(pointer).expect(pointer) = wrong;
        assert!(!validator.is_valid(&value), "{pointer}");
    }
}

#[test]
fn undocumented_fields_are_rejected_at_every_level() {
    let mut good = saved(&outcome::open(10));
    good["ledger"] = saved(&outcome::hold())["ledger"].clone();
    let validator = validator();
    assert!(validator.is_valid(&good));
    for pointer in [
        "",
        "/load",
        "/connections",
        "/connecting",
        "/messages",
        "/latency_us",
        "/generator",
        "/server",
        "/memory",
        "/histograms",
        "/intervals/0",
        "/intervals/0/histograms",
        "/ledger/0",
    ] {
        let mut value = good.clone();
        value.pointer_mut(pointer).expect(pointer)["undocumented"] = json!(1);
        assert!(!validator.is_valid(&value), "{pointer}");
    }
}

#[test]
fn every_field_is_described_and_numbers_have_units() {
    fn walk(name: &str, schema: &Value, complaints: &mut Vec<String>) {
        let Some(object) = schema.as_object() else { return };
        for (field, inner) in
            object.get("properties").and_then(Value::as_object).into_iter().flatten()
        {
            let path = format!("{name}.{field}");
            let about = inner["description"].as_str().unwrap_or_default();
            // A shared definition is described once.
            if about.is_empty() && inner.get("$ref").is_none() {
                complaints.push(format!("{path} is not described"));
            }
            let units = [" s", "µs", "ns", "KiB", "bytes", "CPU", "per second"];
            let is_measured = inner["type"] == "number";
            if is_measured && !units.iter().any(|unit| about.contains(unit)) {
                complaints.push(format!("{path} has no unit"));
            }
            walk(&path, inner, complaints);
        }
        for (field, inner) in object.get("$defs").and_then(Value::as_object).into_iter().flatten() {
            if inner.get("description").is_none() {
                complaints.push(format!("{field} is not described"));
            }
            walk(field, inner, complaints);
        }
    }
    let mut complaints = Vec::new();
    walk("", &schema(), &mut complaints);
    assert!(complaints.is_empty(), "{complaints:#?}");
}
