//! Lenient parsing of a response that rejects the upgrade, only to show it to the user.
//!
//! [`http`](super::http) is strict, because its result decides how a connection proceeds. The
//! result of this module only affects the error message for the user.

use super::error::Error;
use super::http::trim;

/// The number of bytes of a response that are parsed: 68 KiB, the longest head and the start of its
/// content.
pub const SHOWN_BYTES_MAX: usize = super::http::RESPONSE_HEAD_BYTES_MAX + 4 * 1024;

/// A response as far as it has arrived. None of it is safe to print unescaped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response<'a> {
    /// The status; 0 if there is none.
    pub status: u16,
    /// The reason phrase, which may be empty.
    pub reason: &'a [u8],
    /// The value of `Location`: the server's redirect.
    pub location: Option<&'a [u8]>,
    /// The first nonempty line of the content.
    pub first_line: Option<&'a [u8]>,
    /// Whether further bytes would not change any of these fields.
    pub is_whole: bool,
}

/// Whether this status is interim, so that another response follows (RFC 9110 §15.2): "A client
/// MUST be able to parse one or more 1xx responses received prior to a final response". After 101
/// there is no more HTTP.
pub fn is_interim(status: u16) -> bool {
    (100..200).contains(&status) && status != 101
}

/// The error for a response that cannot be parsed: [`Error::UpgradeRefused`] if it has a final
/// status other than 101, otherwise `other`.
pub fn refusal(bytes: &[u8], other: Error) -> Error {
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    match status_line(line) {
        Some((status, _)) if status != 101 && !is_interim(status) => Error::UpgradeRefused(status),
        _ => other,
    }
}

impl<'a> Response<'a> {
    /// Parses the last response in these bytes, after any interim ones.
    pub fn read(bytes: &'a [u8]) -> Self {
        let mut rest = bytes;
        loop {
            let (response, after) = Self::read_one(rest);
            match after {
                Some(after) if is_interim(response.status) && !after.is_empty() => rest = after,
                _ => return response,
            }
        }
    }

    /// Parses one response; returns it and, if its head is complete, the bytes after the head.
    fn read_one(bytes: &'a [u8]) -> (Self, Option<&'a [u8]>) {
        let mut lines = Lines(bytes);
        let first = lines.next().unwrap_or_default();
        let Some((status, reason)) = status_line(first) else { return (Self::default(), None) };
        let mut response = Self { status, reason, ..Self::default() };
        let (mut length, mut is_chunked) = (None, false);
        loop {
            let Some(line) = lines.next() else { return (response, None) };
            if line.is_empty() {
                break;
            }
            let Some(colon) = memchr::memchr(b':', line) else { continue };
            let (name, value) = (trim(&line[..colon]), trim(&line[colon + 1..]));
            let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
            if is("Location") && !value.is_empty() {
                response.location.get_or_insert(value);
            } else if is("Content-Length") {
                length = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
            } else if is("Transfer-Encoding") {
                is_chunked = true;
            }
        }
        response.read_content(lines.0, length, is_chunked);
        (response, Some(lines.0))
    }

    fn read_content(&mut self, content: &'a [u8], length: Option<usize>, is_chunked: bool) {
        let mut lines = Lines(content);
        // RFC 9112 §7.1: a chunk starts with its size on a line of its own.
        let has_content = !is_chunked || lines.next().is_some();
        // RFC 9112 §6.3: these statuses have no content, whatever their fields say.
        let limit = match self.status {
            204 | 304 => 0,
            _ => length.filter(|_| !is_chunked).unwrap_or(usize::MAX),
        };
        let is_all = content.len() >= limit;
        lines.0 = &lines.0[..lines.0.len().min(limit)];
        let mut has_more = has_content;
        while has_more {
            let line = lines.next();
            has_more = line.is_some();
            let line = trim(line.unwrap_or(lines.0));
            if !line.is_empty() {
                self.first_line = Some(line);
                self.is_whole = has_more || is_all;
                return;
            }
        }
        self.is_whole = is_all;
    }
}

/// Lines that end with LF or CR LF, without their terminators. An unterminated line is not
/// consumed.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\n', self.0)?;
        let (line, rest) = (&self.0[..end], &self.0[end + 1..]);
        self.0 = rest;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// The status and reason phrase of a status line such as `HTTP/1.1 403 Forbidden`, for any version.
fn status_line(line: &[u8]) -> Option<(u16, &[u8])> {
    let rest = line.strip_prefix(b"HTTP/")?;
    let blank = memchr::memchr(b' ', rest)?;
    let is_version = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let (version, rest) = (&rest[..blank], rest[blank..].trim_ascii());
    let (digits, reason) = rest.split_at_checked(3)?;
    let is_alone = reason.first().is_none_or(|byte| *byte == b' ');
    if version.is_empty() || !version.iter().all(is_version) || !is_alone {
        return None;
    }
    let status = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (100..1000).contains(&status).then(|| (status, reason.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Response<'_> {
        Response::read(text.as_bytes())
    }

    #[test]
    fn a_response_has_status_reason_location_and_first_line() {
        let response = read(
            "HTTP/1.1 302 Found\r\nlocation:  ws://b/x \r\nContent-Length: 6\r\n\r\n\r\ngo\r\n",
        );
        assert_eq!((response.status, response.reason), (302, &b"Found"[..]));
        assert_eq!(response.location, Some(&b"ws://b/x"[..]));
        assert_eq!(response.first_line, Some(&b"go"[..]));
        assert!(response.is_whole);
    }

    #[test]
    fn sloppy_responses_are_parsed() {
        let long = format!("HTTP/1.1 401 No\r\nSet-Cookie: {}\r\n\r\nlog in", "c".repeat(12_000));
        let cases = [
            ("HTTP/1.0 404 Not Found\r\n\r\nnobody\r\n", 404, "nobody"),
            ("HTTP/1.1 302 Found\nLocation: ws://b\n\nover there\n", 302, "over there"),
            ("HTTP/1.1 403 Forbidden\r\nX: a\r\n b\r\n\r\nno", 403, "no"),
            (&*long, 401, "log in"),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 Oops\r\n\r\nhelp\n", 500, "help"),
            (
                "HTTP/1.1 502 Bad\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsorry\r\n0\r\n\r\n",
                502,
                "sorry",
            ),
            ("HTTP/2 426\r\n\r\nupgrade", 426, "upgrade"),
        ];
        for (text, status, first_line) in cases {
            let response = read(text);
            assert_eq!(response.status, status, "{text}");
            assert_eq!(response.first_line, Some(first_line.as_bytes()), "{text}");
            let error = refusal(text.as_bytes(), Error::ResponseMalformed);
            let is_last = !text.contains("100 Continue");
            assert_eq!(error == Error::UpgradeRefused(status), is_last, "{text}");
        }
    }

    #[test]
    fn input_that_is_not_http_has_no_status() {
        for text in
            ["", "SSH-2.0-x\r\n", "HTTP/", "HTTP/1.1 20\r\n", "HTTP/1.1 2000 x\r\n", "HTTP/x 200 a"]
        {
            assert_eq!(read(text).status, 0, "{text}");
            assert_eq!(refusal(text.as_bytes(), Error::HeadTooLarge), Error::HeadTooLarge);
        }
    }

    #[test]
    fn a_response_is_whole_if_more_bytes_would_not_change_it() {
        for (text, is_whole) in [
            ("HTTP/1.1 404 N\r\n", false),
            ("HTTP/1.1 404 N\r\n\r\n", false),
            ("HTTP/1.1 404 N\r\nContent-Length: 0\r\n\r\n", true),
            ("HTTP/1.1 404 N\r\nContent-Length: 4\r\n\r\nab", false),
            ("HTTP/1.1 404 N\r\nContent-Length: 4\r\n\r\nabcd", true),
            ("HTTP/1.1 404 N\r\n\r\nab\n", true),
            ("HTTP/1.1 304 N\r\n\r\n", true),
            ("HTTP/1.1 101 S\r\n\r\n", false),
        ] {
            assert_eq!(read(text).is_whole, is_whole, "{text:?}");
        }
    }
}
