//! The environment of a count: everything besides the source that it depends on.

use serde_json::{Value, json};
use std::io;
use std::process::Command;

/// Versions of the tools that make and count instructions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Surroundings {
    rustc: String,
    valgrind: String,
    libc: String,
}

impl Surroundings {
    /// Queries the tools.
    pub(crate) fn look() -> io::Result<Self> {
        Ok(Self {
            rustc: first_line("rustc", &["--version"])?,
            valgrind: first_line("valgrind", &["--version"])?,
            libc: first_line("getconf", &["GNU_LIBC_VERSION"])?,
        })
    }

    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let field = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
        Some(Self { rustc: field("rustc")?, valgrind: field("valgrind")?, libc: field("libc")? })
    }

    pub(crate) fn to_json(&self) -> Value {
        let Self { rustc, valgrind, libc } = self;
        json!({ "rustc": rustc, "valgrind": valgrind, "libc": libc })
    }

    /// The reason why counts here cannot be compared with a baseline from there, if there is one.
    pub(crate) fn incomparable_with(&self, there: &Self) -> Option<String> {
        if self.rustc != there.rustc {
            return Some(format!("this is {}, the baseline {}", self.rustc, there.rustc));
        }
        if !sees_avx2() {
            return Some("this is not an x86-64 CPU with AVX2, unlike the baseline's".into());
        }
        None
    }

    /// Smaller differences, which affect copying and allocation.
    pub(crate) fn remarks_beside(&self, there: &Self) -> Vec<String> {
        let pairs = [(&self.valgrind, &there.valgrind), (&self.libc, &there.libc)];
        let different = pairs.into_iter().filter(|(here, there)| here != there);
        different.map(|(here, there)| format!("this is {here}, the baseline {there}")).collect()
    }
}

fn first_line(program: &str, arguments: &[&str]) -> io::Result<String> {
    let failed = |what: String| io::Error::other(format!("{program}: {what}"));
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().filter(|_| output.status.success());
    line.map(str::to_owned).ok_or_else(|| failed("its version is unknown".into()))
}

/// valgrind presents newer CPUs as one with AVX2, and older ones as they are.
#[cfg(target_arch = "x86_64")]
fn sees_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

#[cfg(not(target_arch = "x86_64"))]
fn sees_avx2() -> bool {
    false
}
