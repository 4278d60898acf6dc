//! Checks JSON before it is parsed: whether its numbers are figures that can be added up, and how
//! much memory its histograms need. The check itself takes none.

use super::histogram::decode;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The largest number: 2^53. Larger ones are not exact in every JSON reader, and thousands of
/// numbers up to this can be added up without overflow.
const NUMBER_MAX: u64 = 1 << 53;

/// The most buckets in all histograms of a result together: 32 million, which take 512 MiB. Ten
/// minutes in intervals of one second have some 5 million.
const BUCKETS_MAX: u64 = 32 << 20;

/// The first characters of every HdrHistogram in base64.
const HISTOGRAM: &str = "HISTF";

/// Checks the whole text.
///
/// # Errors
/// The rest of a sentence: the text is not JSON, has numbers that are not figures, or is too large.
pub(super) fn survey(text: &str) -> Result<(), String> {
    let mut survey = Survey::default();
    let mut json = serde_json::Deserializer::from_str(text);
    let result = survey.deserialize(&mut json).and_then(|()| json.end());
    match (survey.complaint, result) {
        (Some(complaint), _) => Err(complaint),
        (None, result) => result.map_err(|error| format!("is not JSON: {error}")),
    }
}

#[derive(Default)]
struct Survey {
    /// Names of the fields that lead to the current value.
    path: Vec<String>,
    buckets: u64,
    /// The first problem, which ends the check.
    complaint: Option<String>,
}

impl Survey {
    /// Ends the check.
    fn complain<E: Error>(&mut self, complaint: String) -> Result<(), E> {
        self.complaint = Some(complaint);
        Err(E::custom("refused"))
    }

    fn refuse<E: Error>(&mut self, number: impl fmt::Display, why: &str) -> Result<(), E> {
        let path = self.path.join(".");
        self.complain(format!("is not a result of halloo: {path} is {number}, {why}"))
    }

    /// Counts the buckets of a histogram, which is decoded without being kept.
    fn histogram<E: Error>(&mut self, text: &str) -> Result<(), E> {
        let mut buckets = 0;
        // An invalid histogram is reported when it is parsed.
        let _ = decode(text, &mut |_, _| buckets += 1);
        self.buckets += buckets;
        match self.buckets {
            ..=BUCKETS_MAX => Ok(()),
            _ => self.complain("is too large: its histograms would take more than 512 MiB".into()),
        }
    }
}

impl<'de> DeserializeSeed<'de> for &mut Survey {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Survey {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        if number > NUMBER_MAX {
            return self.refuse(number, "which is too large to add up");
        }
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        if number < 0 {
            return self.refuse(number, "but figures are not negative");
        }
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        match number {
            _ if number.is_sign_negative() => self.refuse(number, "but figures are not negative"),
            _ if number <= NUMBER_MAX as f64 => Ok(()),
            _ => self.refuse(number, "which is too large"),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if text.starts_with(HISTOGRAM) { self.histogram(text) } else { Ok(()) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(&mut *self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        while let Some(name) = object.next_key::<String>()? {
            self.path.push(name);
            object.next_value_seed(&mut *self)?;
            self.path.pop();
        }
        Ok(())
    }
}
