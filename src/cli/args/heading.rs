//! The headings that group flags in `--help`.

/// What load to generate, and how to measure it.
pub(in crate::cli) const LOAD: &str = "Load";

/// How connections are made, and what they negotiate.
pub(in crate::cli) const CONNECTION: &str = "Connection";

/// Certificates and authorities.
#[cfg(feature = "tls")]
pub(in crate::cli) const TLS: &str = "TLS";

/// HMAC challenge-response.
pub(in crate::cli) const AUTHENTICATION: &str = "Authentication";

/// Results, progress and logs.
pub(in crate::cli) const OUTPUT: &str = "Output";

/// Sizes, counts and timeouts.
pub(in crate::cli) const LIMITS: &str = "Limits";

/// The worker processes of a server.
pub(in crate::cli) const PROCESSES: &str = "Processes";
