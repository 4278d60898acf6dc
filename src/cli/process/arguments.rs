//! The arguments of a process that another one conducts: they come on its standard input, and not on its command line,
//! which every user of the machine can read.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// What a conducted process is started with, followed by its number.
const FLAG: &str = "--as-worker=";

/// The only argument of process `index`.
pub(crate) fn argument(index: u32) -> String {
    format!("{FLAG}{index}")
}

/// Gives a conducted process its arguments, without the program's name.
pub(crate) fn send(arguments: &[OsString], to: &mut impl Write) -> io::Result<()> {
    // Neither a length nor a NUL can be part of an argument.
    to.write_all(&(arguments.len() as u32).to_ne_bytes())?;
    for argument in arguments {
        to.write_all(argument.as_bytes())?;
        to.write_all(&[0])?;
    }
    to.flush()
}

/// The arguments of this process, the program's name first: those that its conductor sends, if it has one.
pub(in crate::cli) fn with_conducted(arguments: Vec<OsString>) -> Vec<OsString> {
    match &arguments[..] {
        [program, only] if only.as_bytes().starts_with(FLAG.as_bytes()) => {
            // Without a conductor the flag stands alone, and is refused.
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

/// Standard input, of which no more is taken than is asked for: what follows is for the run.
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
    fn arguments_arrive_as_they_are() {
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
    fn other_command_lines_stay() {
        for line in [&["halloo"][..], &["halloo", "bench"], &["halloo", "bench", "--as-worker=1"]] {
            let line: Vec<OsString> = line.iter().map(OsString::from).collect();
            assert_eq!(with_conducted(line.clone()), line);
        }
    }
}
