//! A figure that is known, known only to exceed a bound, or absent.

/// A figure that is known, known only to exceed a bound, or absent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Figure {
    /// Nothing was measured.
    Absent,
    /// The value.
    Known(f64),
    /// More than this: some of the measured operations did not finish in time.
    Above(f64),
}

impl Figure {
    /// The value, if it is known.
    pub fn known(self) -> Option<f64> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Above(_) => None,
        }
    }

    /// As text: `–` if absent, otherwise `show` of the value, with `> ` before it if it is only a
    /// bound.
    pub fn text(self, show: impl FnOnce(f64) -> String) -> String {
        match self {
            Self::Absent => "–".into(),
            Self::Known(value) => show(value),
            Self::Above(value) => format!("> {}", show(value)),
        }
    }
}

impl From<Option<f64>> for Figure {
    fn from(value: Option<f64>) -> Self {
        value.map_or(Self::Absent, Self::Known)
    }
}
