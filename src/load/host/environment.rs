//! The machine that measures, as a result names it.

use super::facts::Machine;
use super::procfs::Procfs;
use crate::load::result::outcome::Environment;
use std::path::Path;

impl Environment {
    /// Looks at this machine.
    pub fn look() -> Self {
        Self::look_in(Path::new("/"))
    }

    /// Looks at a machine whose `/proc` is below this directory.
    pub fn look_in(root: &Path) -> Self {
        let procfs = Procfs::new(root);
        let kernel = |name: &str| procfs.word(format!("proc/sys/kernel/{name}"));
        let system = kernel("ostype").unwrap_or_else(|| std::env::consts::OS.into());
        let machine = Machine::look_in(root);
        Self {
            system: match kernel("osrelease") {
                Some(release) => format!("{system} {release}"),
                None => system,
            },
            architecture: std::env::consts::ARCH.into(),
            processor: procfs.processor(),
            cpus: machine.processors,
            memory_bytes: machine.memory_total,
        }
    }
}
