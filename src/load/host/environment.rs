//! The description of the measuring host that a result contains.

use super::facts::Host;
use super::procfs::Procfs;
use crate::load::result::outcome::Environment;
use std::path::Path;

impl Environment {
    /// Reads the description of this host.
    pub fn read() -> Self {
        Self::read_from(Path::new("/"))
    }

    /// Reads the description of a host whose `/proc` is below this directory.
    pub fn read_from(root: &Path) -> Self {
        let procfs = Procfs::new(root);
        let kernel = |name: &str| procfs.word(format!("proc/sys/kernel/{name}"));
        let system = kernel("ostype").unwrap_or_else(|| std::env::consts::OS.into());
        let host = Host::read_from(root);
        Self {
            system: match kernel("osrelease") {
                Some(release) => format!("{system} {release}"),
                None => system,
            },
            architecture: std::env::consts::ARCH.into(),
            processor: procfs.processor(),
            cpus: host.processors,
            memory_bytes: host.memory_total,
        }
    }
}
