//! A temporary file with a key that only its owner may read.

use std::fs::{OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Removed when it goes out of scope.
pub(crate) struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// A file of exactly these bytes, with mode 0600.
    pub(crate) fn new(bytes: impl AsRef<[u8]>) -> Self {
        Self::with_mode(bytes, 0o600)
    }

    /// A file of exactly these bytes, with this mode.
    ///
    /// The mode is set afterwards, so that no umask takes bits away from it.
    pub(crate) fn with_mode(bytes: impl AsRef<[u8]>, mode: u32) -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("halloo-test-{}-{number}.key", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        file.write_all(bytes.as_ref()).expect("a short file can be written");
        file.set_permissions(Permissions::from_mode(mode)).expect("it is our file");
        Self { path }
    }

    /// Where it is, as an argument.
    pub(crate) fn path(&self) -> &str {
        self.path.to_str().expect("the name of the temporary directory is UTF-8")
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
