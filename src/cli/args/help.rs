//! The last part of each `--help`: examples and exit codes.

/// Appends the exit codes to a command's examples.
pub(in crate::cli) fn end(examples: &str) -> String {
    format!("{examples}\n\n{EXIT_CODES}")
}

/// What the exit codes mean.
const EXIT_CODES: &str = "Exit codes: 0 success · 1 runtime error · 2 usage error · \
    3 check or threshold failed · 4 measurement invalid";

/// The examples of `halloo`.
pub(in crate::cli) const HALLOO: &str = "\
Without a command, `halloo` is `halloo serve`.

Examples:
  halloo
  halloo connect ws://127.0.0.1:9527
  halloo bench ws://127.0.0.1:9527 --connections 100 --rate 5k/s --duration 5s
  halloo doctor --connections 10k";

/// The examples of `halloo serve`.
pub(in crate::cli) const SERVE: &str = "\
Examples:
  halloo serve
  halloo serve ws://127.0.0.1:9527 line://127.0.0.1:9528
  halloo serve tcp://127.0.0.1:9527 --service timestamp --close-after 1
  halloo serve ws://:9527 --profile internet --workers 2";

/// The examples of `halloo connect`.
pub(in crate::cli) const CONNECT: &str = "\
Examples:
  halloo connect ws://127.0.0.1:9527
  echo hello | halloo connect tcp://127.0.0.1:9527
  halloo connect ws://127.0.0.1:9527 -v -H 'Origin: http://localhost'";

/// The examples of `halloo bench`.
pub(in crate::cli) const BENCH: &str = "\
Examples:
  halloo bench ws://127.0.0.1:9527
  halloo bench ws://127.0.0.1:9527 --connections 100 --rate 5k/s --duration 5s --json result.json
  halloo bench tcp://127.0.0.1:9527 --size 1KiB --depth 16 --fail-if 'p99>5ms'";

/// The examples of `halloo hold`.
pub(in crate::cli) const HOLD: &str = "\
Examples:
  halloo hold ws://127.0.0.1:9527 --connections 1000 --duration 5s
  halloo hold ws://127.0.0.1:9527 --connections 10k --source 127.1.0.0/24 --html result.html";

/// The examples of `halloo doctor`.
pub(in crate::cli) const DOCTOR: &str = "\
Examples:
  halloo doctor
  halloo doctor tcp://192.0.2.7:7 --connections 1M";

/// The examples of `halloo report`.
pub(in crate::cli) const REPORT: &str = "\
Examples:
  halloo report result.json --html result.html
  halloo report --merge a1.json a2.json --json all.json
  halloo report --compare a*.json --against b*.json --fail-if 'p99>+5%'";
