//! A temporary key file that only its owner may read.

use std::fs::{OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A key file, removed when this goes out of scope.
pub(crate) struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// Creates a file with exactly these bytes and mode 0600.
    pub(crate) fn new(bytes: impl AsRef<[u8]>) -> Self {
        Self::with_mode(bytes, 0o600)
    }

    /// Creates a file with exactly these bytes and this mode.
    ///
    /// The mode is set separately, because the umask applies when a file is created.
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

    /// Its path, as an argument.
    pub(crate) fn path(&self) -> &str {
        self.path.to_str().expect("the name of the temporary directory is UTF-8")
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
