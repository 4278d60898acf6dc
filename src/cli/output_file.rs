//! Whether a file can be written, found out before there is anything to write.

use super::Failure;
use rustix::fs::{Access, OFlags, access};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Finds out what would be in the way of writing this file, which a flag names.
pub(super) fn check(flag: &str, file: &Path) -> Result<(), Failure> {
    let refused = |why: &str| Err(Failure::Usage(format!("{flag} {}: {why}", file.display())));
    let directory = fs::metadata(directory_of(file));
    if file.is_dir() {
        return refused("it is a directory, expected a file");
    }
    if !directory.is_ok_and(|directory| directory.is_dir()) {
        return refused("no such directory, expected a file in one that there is");
    }
    match try_write(file) {
        Ok(()) => Ok(()),
        Err(error) => refused(&format!("it cannot be written: {error}")),
    }
}

/// Whether stdout was closed when the program began. Its runtime then puts /dev/null there, open for reading and
/// writing, which no shell's redirection does. Some programs that start others do that as well, so it only counts
/// where nothing else is left of a result.
pub(super) fn is_stdout_closed() -> bool {
    let stdout = rustix::stdio::stdout();
    let flags = rustix::fs::fcntl_getfl(stdout);
    let is_for_both = flags.is_ok_and(|flags| flags & OFlags::RWMODE == OFlags::RDWR);
    let device = rustix::fs::fstat(stdout).map(|stat| stat.st_rdev);
    let null = rustix::fs::stat("/dev/null").map(|stat| stat.st_rdev);
    is_for_both && device.is_ok_and(|device| null == Ok(device))
}

/// The directory of a file.
pub(super) fn directory_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The name, beside a file, of the one that is to replace it.
pub(super) fn unfinished(file: &Path) -> io::Result<PathBuf> {
    let name = file.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut unfinished = std::ffi::OsString::from(".");
    unfinished.push(name);
    unfinished.push(format!(".{}", std::process::id()));
    Ok(directory_of(file).join(unfinished))
}

/// Opens what would be written, and leaves it as it is.
fn try_write(file: &Path) -> io::Result<()> {
    match fs::metadata(file) {
        Ok(there) if there.is_file() => {
            OpenOptions::new().write(true).open(file)?;
            // It is replaced by one beside it, and of a link, beside what it points to.
            try_create(&unfinished(&fs::canonicalize(file)?)?)
        }
        // To open a pipe would wait for its reader.
        Ok(_) => Ok(access(file, Access::WRITE_OK)?),
        // A link to nothing: what it points to is made.
        Err(_) if file.is_symlink() => try_create(file),
        Err(_) => try_create(&unfinished(file)?),
    }
}

/// Creates a file, and removes it again.
fn try_create(file: &Path) -> io::Result<()> {
    File::create(file)?;
    let made = if file.is_symlink() { fs::canonicalize(file)? } else { file.to_owned() };
    fs::remove_file(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_written_is_left_as_it_was() {
        let directory =
            std::env::temp_dir().join(format!("halloo-writable-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let at = |name: &str| directory.join(name);
        fs::write(at("old"), "old").unwrap();
        std::os::unix::fs::symlink(at("nothing"), at("link")).unwrap();
        for name in ["new", "old", "link"] {
            check("--json", &at(name)).unwrap();
        }
        check("--json", Path::new("/dev/null")).unwrap();
        assert_eq!(fs::read_to_string(at("old")).unwrap(), "old");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 2, "nothing was left");
        for (name, words) in [("", "it is a directory"), ("none/new", "no such directory")] {
            let Err(Failure::Usage(message)) = check("--html", &at(name)) else {
                panic!("{name} was taken")
            };
            assert!(message.starts_with("--html /") && message.contains(words), "{message}");
        }
        let too_long = at(&"n".repeat(300));
        assert!(check("--hdr", &too_long).is_err());
        fs::remove_dir_all(&directory).unwrap();
    }
}
