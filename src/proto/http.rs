//! HTTP/1.1 heads: finds their end and enforces the strict rules of RFC 9112 on top of httparse.

use super::error::Error;
use super::{Status, response};
use memchr::{memchr, memmem};

/// The default limit on a request head ([`Limits`](super::Limits)), in bytes: 8 KiB, as common
/// servers allow for a request line or field.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;

/// The longest response head that a client reads, in bytes: 64 KiB. Policies and cookies produce
/// heads of 10 KiB, and a client opens only a few connections at the same time.
pub const RESPONSE_HEAD_BYTES_MAX: usize = 64 * 1024;

/// The maximum number of header fields in a request head.
pub const HEADERS_MAX: usize = 100;

/// The maximum number of header fields in a response head. More than for a request, because the
/// user chose the server.
const RESPONSE_HEADERS_MAX: usize = 256;

/// One parsed head, borrowing from the received bytes.
#[derive(Debug)]
pub struct Head<'a> {
    /// The target of a request; empty for a response.
    pub target: &'a str,
    /// The status of a response; 0 for a request.
    pub status: u16,
    fields: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Head<'a> {
    /// Parses a complete request head.
    ///
    /// # Errors
    /// The rule of RFC 9112 that the head breaks.
    pub fn parse_request(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(skip_empty_line(bytes)) {
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => return Err(Error::TooManyHeaders),
            Err(httparse::Error::Version) if names_a_version(bytes) => {
                return Err(Error::HttpVersion);
            }
            _ => return Err(Error::RequestMalformed),
        }
        if request.version != Some(1) {
            return Err(Error::HttpVersion);
        }
        if request.method != Some("GET") {
            return Err(Error::MethodNotGet);
        }
        let target = request.path.unwrap_or_default();
        Ok(Self { target, status: 0, fields: fields(request.headers) })
    }

    /// Parses a complete response head.
    ///
    /// # Errors
    /// The result of [`response::refusal`] if the head is not valid HTTP/1.1.
    pub fn parse_response(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut headers = [httparse::EMPTY_HEADER; RESPONSE_HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(bytes) {
            Ok(httparse::Status::Complete(_)) if response.version == Some(1) => {}
            _ => return Err(response::refusal(bytes, Error::ResponseMalformed)),
        }
        let status = response.code.unwrap_or_default();
        Ok(Self { target: "", status, fields: fields(response.headers) })
    }

    /// The values of all fields of this name, in order. Names are compared without case.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.fields
            .iter()
            .filter(move |field| field.0.eq_ignore_ascii_case(name))
            .map(|field| field.1)
    }

    /// The value of the only field of this name; `None` if there is none or more than one.
    pub fn only_value(&self, name: &str) -> Option<&'a [u8]> {
        let mut values = self.values(name);
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// The members of all fields of this name as one list (RFC 9110 §5.6.1), without empty members.
    pub fn list(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.values(name)
            .flat_map(|value| value.split(|&byte| byte == b','))
            .map(trim)
            .filter(|member| !member.is_empty())
    }

    /// Whether the list of this name contains the member, compared without case.
    pub fn lists(&self, name: &str, member: &str) -> bool {
        self.list(name).any(|listed| listed.eq_ignore_ascii_case(member.as_bytes()))
    }
}

/// Finds the end of a head of at most `head_bytes_max` bytes (up to 64 KiB): returns the number of
/// bytes up to and including its empty line.
///
/// `searched` is the number of bytes that earlier calls have searched, so that input of one byte at
/// a time stays linear. Input that cannot become a head is rejected early: control characters, a
/// bare CR or LF, a first line without an HTTP version.
///
/// # Errors
/// `malformed` for such input; [`Error::HeadTooLarge`] beyond `head_bytes_max`.
pub fn find_end(
    input: &[u8],
    head_bytes_max: usize,
    searched: &mut u16,
    malformed: Error,
) -> Result<Status<usize>, Error> {
    debug_assert!(head_bytes_max <= 1 << 16, "`searched` counts up to there");
    let window = &input[..input.len().min(head_bytes_max)];
    for index in usize::from(*searched)..window.len() {
        let byte = window[index];
        let previous = index.checked_sub(1).map(|before| window[before]);
        // RFC 9112 §2.2: a bare CR is invalid; a recipient may accept a lone LF, but we do not.
        if (byte == b'\n') != (previous == Some(b'\r')) {
            return Err(malformed);
        }
        let is_control = byte < b' ' && !matches!(byte, b'\r' | b'\n' | b'\t') || byte == 0x7f;
        if is_control {
            return Err(malformed);
        }
        if byte != b'\n' {
            continue;
        }
        let lines = skip_empty_line(&window[..=index]);
        if lines == b"\r\n" {
            // A second empty line before the request: RFC 9112 §2.2 asks to ignore "at least one".
            return Err(malformed);
        }
        if lines.ends_with(b"\r\n\r\n") {
            return Ok(Status::Complete(index + 1));
        }
        let is_first_line = memchr(b'\n', lines).map(|end| end + 1) == Some(lines.len());
        if is_first_line && memmem::find(lines, b"HTTP/").is_none() {
            return Err(malformed);
        }
    }
    if input.len() >= head_bytes_max {
        return Err(Error::HeadTooLarge);
    }
    *searched = window.len() as u16;
    Ok(Status::Partial)
}

/// Whether the bytes are a token (RFC 9110 §5.6.2).
pub fn is_token(bytes: &[u8]) -> bool {
    let is_tchar = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !bytes.is_empty() && bytes.iter().all(is_tchar)
}

/// Whether the request line is `method SP request-target SP HTTP-version` (RFC 9112 §3) with a
/// well-formed version. A target with a space does not qualify: RFC 9112 §3.2, "No whitespace is
/// allowed in the request-target."
fn names_a_version(head: &[u8]) -> bool {
    let line = skip_empty_line(head).split(|&byte| byte == b'\r').next().unwrap_or_default();
    let mut parts = line.split(|&byte| byte == b' ');
    // RFC 9112 §2.3: HTTP-version = HTTP-name "/" DIGIT "." DIGIT
    let is_version = |part: &[u8]| {
        matches!(part.strip_prefix(b"HTTP/"), Some([major, b'.', minor])
            if major.is_ascii_digit() && minor.is_ascii_digit())
    };
    parts.nth(2).is_some_and(is_version) && parts.next().is_none()
}

/// RFC 9112 §2.2: a server "SHOULD ignore at least one empty line (CRLF) received prior to the
/// request-line".
pub(super) fn skip_empty_line(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\r\n").unwrap_or(bytes)
}

fn fields<'a>(headers: &[httparse::Header<'a>]) -> Vec<(&'a str, &'a [u8])> {
    headers.iter().map(|header| (header.name, trim(header.value))).collect()
}

/// Strips optional white space: RFC 9110 §5.6.3, OWS = *( SP / HTAB ).
pub(super) fn trim(value: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_space(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    &value[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(input: &[u8]) -> Result<Status<usize>, Error> {
        find_end(input, HEAD_BYTES_MAX, &mut 0, Error::RequestMalformed)
    }

    #[test]
    fn the_end_is_found_however_the_bytes_are_split() {
        let input = b"\r\nGET / HTTP/1.1\r\nHost:\ta \r\n\r\nframes";
        let head_bytes = input.len() - b"frames".len();
        let mut searched = 0;
        for cut in 0..head_bytes {
            let status =
                find_end(&input[..cut], HEAD_BYTES_MAX, &mut searched, Error::RequestMalformed);
            assert_eq!(status, Ok(Status::Partial), "{cut}");
        }
        assert_eq!(find(input), Ok(Status::Complete(head_bytes)));
        let head = Head::parse_request(&input[..head_bytes]).unwrap();
        assert_eq!(head.only_value("host"), Some(&b"a"[..]));
    }

    #[test]
    fn input_that_cannot_become_a_head_is_rejected_early() {
        for input in [
            &b"\x16\x03\x01"[..],
            b"GET / HTTP/1.1\n",
            b"GET / HTTP/1.1\r\nA: b\rc",
            b"GET / HTTP/1.1\r\nA: b\n",
            b"\n",
            b"\r\n\r\n",
            b"hello\r\n",
            b"GET / HTTP/1.1\r\nA: \0",
        ] {
            assert_eq!(find(input), Err(Error::RequestMalformed), "{input:?}");
        }
    }

    #[test]
    fn a_head_may_be_8_kib_but_not_longer() {
        let mut head = b"GET / HTTP/1.1\r\nA: ".to_vec();
        head.resize(HEAD_BYTES_MAX - 4, b'a');
        head.extend_from_slice(b"\r\n\r\n");
        assert_eq!(find(&head), Ok(Status::Complete(HEAD_BYTES_MAX)));
        head.insert(20, b'a');
        assert_eq!(find(&head), Err(Error::HeadTooLarge));
        let more = find_end(&head, 1 << 16, &mut 0, Error::RequestMalformed);
        assert_eq!(more, Ok(Status::Complete(HEAD_BYTES_MAX + 1)));
    }

    #[test]
    fn a_version_must_be_the_third_and_last_part() {
        for (line, error) in [
            ("GET / HTTP/1.0", Error::HttpVersion),
            ("GET / HTTP/2.0", Error::HttpVersion),
            ("GET /a b HTTP/1.1", Error::RequestMalformed),
            ("GET /a HTTP/2.0 HTTP/1.1", Error::RequestMalformed),
            ("GET /a  HTTP/1.1", Error::RequestMalformed),
            ("GET / HTTP/1.10", Error::RequestMalformed),
            ("GET / HTTP/x.1", Error::RequestMalformed),
        ] {
            let head = format!("{line}\r\nHost: a\r\n\r\n");
            assert_eq!(Head::parse_request(head.as_bytes()).map(drop), Err(error), "{line}");
        }
    }
}
