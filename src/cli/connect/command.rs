//! The commands of the interactive client: what a line of input asks for.

use crate::proto::CloseCode;

/// The line that ends the session.
const QUIT: &[u8] = b"quit";

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Send this, as text if it is UTF-8.
    Send(Vec<u8>),
    /// Send these bytes as a binary message.
    Binary(Vec<u8>),
    Ping,
    Close(CloseCode),
    Quit,
    /// Nothing; the line is wrong for this reason.
    Wrong(&'static str),
}

/// Parses a line that was typed or came from a pipe.
pub(super) fn read(line: Vec<u8>, is_terminal: bool) -> Request {
    match &line[..] {
        QUIT => Request::Quit,
        [b'/', b'/', ..] if is_terminal => Request::Send(line[1..].to_vec()),
        [b'/', command @ ..] if is_terminal => command_of(command),
        _ => Request::Send(line),
    }
}

fn command_of(line: &[u8]) -> Request {
    let line = String::from_utf8_lossy(line);
    let (name, value) = line.split_once(' ').unwrap_or((&line, ""));
    let value = value.trim();
    match name {
        "ping" if value.is_empty() => Request::Ping,
        "close" => match value.parse().map(CloseCode) {
            _ if value.is_empty() => Request::Close(CloseCode::NORMAL),
            Ok(code) if code.may_be_sent() => Request::Close(code),
            _ => Request::Wrong("/close takes a code: 1000 to 1003, 1007 to 1014, or 3000 to 4999"),
        },
        "binary" => match hex(value) {
            Some(bytes) => Request::Binary(bytes),
            None => Request::Wrong("/binary takes an even number of hexadecimal digits"),
        },
        _ => Request::Wrong(
            "the commands are /ping, /close CODE, /binary HEX and quit; //x sends /x",
        ),
    }
}

/// Decodes hexadecimal digits; blanks between them are ignored.
fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.chars().filter(|character| !character.is_whitespace());
    let digits: Vec<u32> = digits.map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    let is_even = !digits.is_empty() && digits.len().is_multiple_of(2);
    is_even.then(|| digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &str) -> Request {
        read(line.into(), true)
    }

    #[test]
    fn commands_work_on_a_terminal_only() {
        assert_eq!(typed("/ping"), Request::Ping);
        assert_eq!(typed("/close"), Request::Close(CloseCode::NORMAL));
        assert_eq!(typed("/close 4000"), Request::Close(CloseCode(4000)));
        assert_eq!(typed("/binary 00fF 7f"), Request::Binary(vec![0, 255, 127]));
        assert_eq!(typed("//ping"), Request::Send(b"/ping".into()));
        for line in ["/close 1005", "/close x", "/binary", "/binary 0", "/binary zz", "/x", "/"] {
            assert!(matches!(typed(line), Request::Wrong(_)), "{line}");
        }
        for line in ["/ping", "//ping", "/x"] {
            assert_eq!(read(line.into(), false), Request::Send(line.into()));
        }
    }

    #[test]
    fn quit_works_on_a_terminal_and_in_a_pipe() {
        assert_eq!((typed("quit"), read(b"quit".into(), false)), (Request::Quit, Request::Quit));
        assert_eq!(typed("quit "), Request::Send(b"quit ".into()));
    }
}
