//! The arguments of a measuring worker: its coordinator sends them on standard input, because every
//! user of the machine can read a command line.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The only argument on a worker's command line, followed by its number.
const FLAG: &str = "--as-worker=";

/// The argument of worker number `index`.
pub(crate) fn argument(index: u32) -> String {
    format!("{FLAG}{index}")
}

/// Sends a worker its arguments, without the program's name.
pub(crate) fn send(arguments: &[OsString], to: &mut impl Write) -> io::Result<()> {
    // A NUL cannot be part of an argument.
    to.write_all(&(arguments.len() as u32).to_ne_bytes())?;
    for argument in arguments {
        to.write_all(argument.as_bytes())?;
        to.write_all(&[0])?;
    }
    to.flush()
}

/// The arguments of this process, the program's name first. A worker receives them from its
/// coordinator.
pub(in crate::cli) fn received(arguments: Vec<OsString>) -> Vec<OsString> {
    match &arguments[..] {
        [program, only] if only.as_bytes().starts_with(FLAG.as_bytes()) => {
            // Without a coordinator the flag stands alone, and is refused.
            let sent = receive(&mut Unbuffered).unwrap_or_default();
            let mut all = vec![program.clone()];
            all.extend(sent);
            all.insert(2.min(all.len()), only.clone());
            all
        }
        _ => arguments,
    }
}

fn receive(from: &mut impl Read) -> io::Result<Vec<OsString>> {
    let mut count = [0; 4];
    from.read_exact(&mut count)?;
    let mut arguments = Vec::new();
    for _ in 0..u32::from_ne_bytes(count) {
        let mut argument = Vec::new();
        loop {
            let mut byte = [0];
            from.read_exact(&mut byte)?;
            match byte {
                [0] => break,
                [byte] => argument.push(byte),
            }
        }
        arguments.push(OsString::from_vec(argument));
    }
    Ok(arguments)
}

/// Standard input, read no further than asked: what follows belongs to the run.
struct Unbuffered;

impl Read for Unbuffered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(rustix::stdio::stdin(), buffer)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_arrive_unchanged() {
        let arguments = ["bench", "", "-H", "Cookie: s3cret", "line\nbreak"].map(OsString::from);
        let odd = [OsString::from_vec(vec![0xff, b'x'])];
        let all: Vec<OsString> = arguments.into_iter().chain(odd).collect();
        let mut pipe = Vec::new();
        send(&all, &mut pipe).unwrap();
        pipe.extend(b"the rest");
        let mut pipe = &pipe[..];
        assert_eq!(receive(&mut pipe).unwrap(), all);
        assert_eq!(pipe, b"the rest");
        assert!(receive(&mut &b"\x05\0\0\0ab"[..]).is_err());
    }

    #[test]
    fn other_command_lines_are_unchanged() {
        for line in [&["halloo"][..], &["halloo", "bench"], &["halloo", "bench", "--as-worker=1"]] {
            let line: Vec<OsString> = line.iter().map(OsString::from).collect();
            assert_eq!(received(line.clone()), line);
        }
    }
}
