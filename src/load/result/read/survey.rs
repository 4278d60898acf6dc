//! A look over JSON before it is read: whether its numbers are figures that can be added up, and how much
//! memory its histograms will take. It takes none itself.

use super::histogram::decode;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The largest number: 2^53. JSON has none above that are exact everywhere, and thousands of them can be added up
/// without an overflow.
const NUMBER_MAX: u64 = 1 << 53;

/// Steps that may occur in all histograms of a result together: 32 million, which take 512 MiB. Ten minutes in
/// intervals of a second have some 5 million.
const STEPS_MAX: u64 = 32 << 20;

/// What the base64 of every HdrHistogram begins with.
const HISTOGRAM: &str = "HISTF";

/// Looks over all of it.
///
/// # Errors
/// The rest of a sentence: it is not JSON, has numbers that are not figures, or is too large.
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
    /// Names of the fields that lead here.
    path: Vec<String>,
    steps: u64,
    /// What is wrong; then nothing more is read.
    complaint: Option<String>,
}

impl Survey {
    /// Ends the survey.
    fn complain<E: Error>(&mut self, complaint: String) -> Result<(), E> {
        self.complaint = Some(complaint);
        Err(E::custom("refused"))
    }

    fn refuse<E: Error>(&mut self, number: impl fmt::Display, why: &str) -> Result<(), E> {
        let path = self.path.join(".");
        self.complain(format!("is not a result of halloo: {path} is {number}, {why}"))
    }

    /// Counts the steps of a histogram, which is decoded without being kept.
    fn histogram<E: Error>(&mut self, text: &str) -> Result<(), E> {
        let mut steps = 0;
        // One that is wrong is told when it is read.
        let _ = decode(text, &mut |_, _| steps += 1);
        self.steps += steps;
        match self.steps {
            ..=STEPS_MAX => Ok(()),
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
            return self.refuse(number, "and sums of such counts overflow");
        }
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        if number < 0 {
            return self.refuse(number, "and no figure is negative");
        }
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        match number {
            _ if number.is_sign_negative() => self.refuse(number, "and no figure is negative"),
            _ if number <= NUMBER_MAX as f64 => Ok(()),
            _ => self.refuse(number, "and no figure is so large"),
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
