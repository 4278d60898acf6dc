//! Writing a result to a file: a check before the measurement, and an atomic replacement after it.

use super::Failure;
use rustix::fs::{Access, access};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Checks that a file named by a flag can be written, and leaves it as it is.
///
/// # Errors
///
/// [`Failure::Usage`] with the reason why it cannot be written.
pub(super) fn check(flag: &str, file: &Path) -> Result<(), Failure> {
    let refused = |why: &str| Err(Failure::Usage(format!("{flag} {}: {why}", file.display())));
    let directory = fs::metadata(directory_of(file));
    if file.is_dir() {
        return refused("it is a directory, expected a file");
    }
    if !directory.is_ok_and(|directory| directory.is_dir()) {
        return refused("no such directory, expected a file in an existing one");
    }
    match try_write(file) {
        Ok(()) => Ok(()),
        Err(error) => refused(&format!("it cannot be written: {error}")),
    }
}

/// Writes a file atomically: it is replaced as a whole or not at all. A pipe or a device is written
/// to in place.
///
/// # Errors
///
/// [`Failure::Runtime`] if it cannot be written.
pub(super) fn save(file: &Path, text: &str) -> Result<(), Failure> {
    write_whole(file, text)
        .map_err(|error| Failure::Runtime(format!("cannot write '{}': {error}", file.display())))
}

fn write_whole(file: &Path, text: &str) -> io::Result<()> {
    match fs::metadata(file) {
        Ok(found) if !found.is_file() => return fs::write(file, text),
        // A link stays a link: its target is replaced, or created.
        Ok(_) if file.is_symlink() => return write_whole(&fs::canonicalize(file)?, text),
        Err(_) if file.is_symlink() => return fs::write(file, text),
        _ => {}
    }
    let unfinished = unfinished(file)?;
    let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, file));
    if written.is_err() {
        // It may not have been created at all.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

/// The directory that contains a file.
fn directory_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The temporary name, in the same directory, of the file that replaces this one.
fn unfinished(file: &Path) -> io::Result<PathBuf> {
    let name = file.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut unfinished = std::ffi::OsString::from(".");
    unfinished.push(name);
    unfinished.push(format!(".{}", std::process::id()));
    Ok(directory_of(file).join(unfinished))
}

/// Opens the files that a write would open, without changing them.
fn try_write(file: &Path) -> io::Result<()> {
    match fs::metadata(file) {
        Ok(found) if found.is_file() => {
            OpenOptions::new().write(true).open(file)?;
            // The temporary file is created next to it, or next to the target of a link.
            try_create(&unfinished(&fs::canonicalize(file)?)?)
        }
        // Opening a pipe would block until it has a reader.
        Ok(_) => Ok(access(file, Access::WRITE_OK)?),
        // A dangling link: a write creates its target.
        Err(_) if file.is_symlink() => try_create(file),
        Err(_) => try_create(&unfinished(file)?),
    }
}

/// Creates a file and removes it again.
fn try_create(file: &Path) -> io::Result<()> {
    File::create(file)?;
    let created = if file.is_symlink() { fs::canonicalize(file)? } else { file.to_owned() };
    fs::remove_file(created)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_leaves_files_as_they_were() {
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
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 2, "no temporary file remains");
        for (name, words) in [("", "it is a directory"), ("none/new", "no such directory")] {
            let Err(Failure::Usage(message)) = check("--html", &at(name)) else {
                panic!("{name} was accepted")
            };
            assert!(message.starts_with("--html /") && message.contains(words), "{message}");
        }
        let too_long = at(&"n".repeat(300));
        assert!(check("--hdr", &too_long).is_err());
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn files_are_replaced_whole_and_links_stay() {
        let directory = std::env::temp_dir().join(format!("halloo-output-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let (file, link) = (directory.join("a.json"), directory.join("link"));
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for text in ["one", "another"] {
            write_whole(&link, text).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
        assert!(link.is_symlink());
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 2, "no temporary file remains");
        assert!(write_whole(&directory.join("none/a"), "").is_err());
        write_whole(Path::new("/dev/null"), "gone").unwrap();
        fs::remove_dir_all(&directory).unwrap();
    }
}
