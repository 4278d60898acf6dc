//! Negotiation of permessage-deflate (RFC 7692 §5 and §7.1, RFC 6455 §9.1).

use super::{Agreement, Settings};
use crate::proto::error::Error;
use crate::proto::http::{Head, is_token};

const EXTENSIONS: &str = "Sec-WebSocket-Extensions";
const NAME: &[u8] = b"permessage-deflate";
const WINDOW_BITS_MAX: u8 = 15;

/// The parameters of one list element, each present at most once and with a valid value.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// Outer: whether the parameter is present. Inner: its value, which an offer may omit.
    client_max_window_bits: Option<Option<u8>>,
}

/// Accepts the first acceptable offer; returns the agreement and the value of the response field.
///
/// # Errors
/// [`Error::ExtensionsMalformed`] if a field does not conform to the grammar. An offer that is
/// well-formed but not acceptable is declined.
pub(crate) fn accept(
    head: &Head<'_>,
    settings: Option<Settings>,
) -> Result<Option<(Agreement, String)>, Error> {
    let mut accepted = None;
    for element in elements(head)? {
        if let (None, Some(settings), Some(offer)) = (&accepted, settings, parameters(&element)) {
            accepted = Some(accept_offer(&offer, settings));
        }
    }
    Ok(accepted)
}

/// The value of a client's field. The client accepts any limit on its own window.
pub(crate) fn offer(settings: Settings) -> &'static str {
    if settings.context_takeover {
        return "permessage-deflate; client_max_window_bits";
    }
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
     client_max_window_bits"
}

/// The agreement that a server's response to our [`offer`] establishes, if any.
///
/// # Errors
/// [`Error::ExtensionsMalformed`], [`Error::ExtensionNotOffered`].
pub(crate) fn confirm(head: &Head<'_>, settings: Option<Settings>) -> Result<Agreement, Error> {
    let elements = elements(head)?;
    let (Some(element), settings) = (elements.first(), settings) else {
        return Ok(Agreement::default());
    };
    let (1, Some(settings), Some(response)) = (elements.len(), settings, parameters(element))
    else {
        return Err(Error::ExtensionNotOffered);
    };
    let send_window_bits = match response.client_max_window_bits {
        None => WINDOW_BITS_MAX,
        Some(Some(bits)) => bits,
        // 7.1.2.2: in a response the parameter has a value.
        Some(None) => return Err(Error::ExtensionNotOffered),
    };
    // 7.1.1.1: a server accepts "server_no_context_takeover" by including it in its response.
    if !settings.context_takeover && !response.server_no_context_takeover {
        return Err(Error::ExtensionNotOffered);
    }
    let send_takeover = settings.context_takeover && !response.client_no_context_takeover;
    Ok(Agreement::new(send_window_bits, send_takeover, !response.server_no_context_takeover))
}

fn accept_offer(offer: &Parameters, settings: Settings) -> (Agreement, String) {
    let send_takeover = settings.context_takeover && !offer.server_no_context_takeover;
    let receive_takeover = settings.context_takeover && !offer.client_no_context_takeover;
    let mut field = String::from("permessage-deflate");
    if !send_takeover {
        field += "; server_no_context_takeover";
    }
    if !receive_takeover {
        // 7.1.1.2: a server may include this parameter whether or not it was offered.
        field += "; client_no_context_takeover";
    }
    if let Some(bits) = offer.server_max_window_bits {
        // 7.1.2.1: accepted "by including ... the same or smaller value as the offer".
        field += &format!("; server_max_window_bits={bits}");
    }
    let bits = offer.server_max_window_bits.unwrap_or(WINDOW_BITS_MAX);
    (Agreement::new(bits, send_takeover, receive_takeover), field)
}

/// One element of the list: the name of an extension and its parameters.
type Element<'a> = (&'a [u8], Vec<(&'a [u8], Option<Vec<u8>>)>);

/// The parameters of this element, if it is permessage-deflate and they conform to RFC 7692 §7.1.
fn parameters((name, listed): &Element<'_>) -> Option<Parameters> {
    if !name.eq_ignore_ascii_case(NAME) {
        return None;
    }
    let mut parameters = Parameters::default();
    for (name, value) in listed {
        let is_new = match (*name, value) {
            (b"server_no_context_takeover", None) => {
                !std::mem::replace(&mut parameters.server_no_context_takeover, true)
            }
            (b"client_no_context_takeover", None) => {
                !std::mem::replace(&mut parameters.client_no_context_takeover, true)
            }
            (b"server_max_window_bits", Some(value)) => {
                parameters.server_max_window_bits.replace(window_bits(value)?).is_none()
            }
            (b"client_max_window_bits", value) => {
                let bits = value.as_deref().map(window_bits);
                let bits = if bits == Some(None) { return None } else { bits.flatten() };
                parameters.client_max_window_bits.replace(bits).is_none()
            }
            _ => return None,
        };
        if !is_new {
            return None;
        }
    }
    Some(parameters)
}

/// 7.1.2.1: "a decimal integer value without leading zeroes between 8 to 15, inclusive".
fn window_bits(value: &[u8]) -> Option<u8> {
    match value {
        [digit @ b'8'..=b'9'] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}

/// All elements of all fields, in order (RFC 6455 §9.1).
fn elements<'a>(head: &Head<'a>) -> Result<Vec<Element<'a>>, Error> {
    let mut elements = Vec::new();
    for value in head.values(EXTENSIONS) {
        let mut rest = Scanner(value);
        loop {
            rest.skip_space();
            // RFC 9110 §5.6.1: a recipient ignores "a reasonable number of empty list elements".
            if rest.take(b',') {
                continue;
            }
            if rest.0.is_empty() {
                break;
            }
            elements.push(element(&mut rest).ok_or(Error::ExtensionsMalformed)?);
            if !rest.0.is_empty() && !rest.take(b',') {
                return Err(Error::ExtensionsMalformed);
            }
        }
    }
    Ok(elements)
}

/// extension = extension-token *( ";" extension-param )
fn element<'a>(rest: &mut Scanner<'a>) -> Option<Element<'a>> {
    let name = rest.token()?;
    let mut parameters = Vec::new();
    loop {
        rest.skip_space();
        if !rest.take(b';') {
            return Some((name, parameters));
        }
        rest.skip_space();
        let name = rest.token()?;
        rest.skip_space();
        let value = if rest.take(b'=') {
            rest.skip_space();
            Some(rest.value()?)
        } else {
            None
        };
        parameters.push((name, value));
    }
}

/// The rest of a field value.
struct Scanner<'a>(&'a [u8]);

impl<'a> Scanner<'a> {
    fn skip_space(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }

    fn take(&mut self, byte: u8) -> bool {
        let rest = self.0.strip_prefix(&[byte]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn token(&mut self) -> Option<&'a [u8]> {
        let len = self.0.iter().take_while(|&&byte| is_token(&[byte])).count();
        let (token, rest) = self.0.split_at(len);
        self.0 = rest;
        (len > 0).then_some(token)
    }

    /// A token, or a quoted token: RFC 6455 §9.1, "the value after quoted-string unescaping MUST
    /// conform to the 'token' ABNF".
    fn value(&mut self) -> Option<Vec<u8>> {
        if !self.take(b'"') {
            return self.token().map(<[u8]>::to_vec);
        }
        let mut value = Vec::new();
        loop {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            match byte {
                b'"' => return is_token(&value).then_some(value),
                b'\\' => {
                    let (&escaped, rest) = self.0.split_first()?;
                    self.0 = rest;
                    value.push(escaped);
                }
                _ => value.push(byte),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARED: Settings = Settings { context_takeover: false, message_bytes_min: 0 };
    const TAKEOVER: Settings = Settings { context_takeover: true, message_bytes_min: 0 };

    fn response(fields: &[&str], settings: Settings) -> Result<Option<String>, Error> {
        let mut request = String::from("GET / HTTP/1.1\r\n");
        for field in fields {
            request += &format!("Sec-WebSocket-Extensions: {field}\r\n");
        }
        request += "\r\n";
        let head = Head::parse_request(request.as_bytes()).unwrap();
        accept(&head, Some(settings)).map(|accepted| accepted.map(|(_, field)| field))
    }

    fn parameters_of(field: &str, settings: Settings) -> Option<String> {
        let field = response(&[field], settings).unwrap()?;
        Some(field.strip_prefix("permessage-deflate").unwrap().trim_start_matches("; ").into())
    }

    #[test]
    fn every_valid_offer_is_accepted() {
        const BOTH: &str = "server_no_context_takeover; client_no_context_takeover";
        for bits in 8..=15 {
            let offer = format!("permessage-deflate; server_max_window_bits={bits}");
            let expected = format!("{BOTH}; server_max_window_bits={bits}");
            assert_eq!(parameters_of(&offer, SHARED), Some(expected));
            let offer = format!("permessage-deflate; client_max_window_bits=\"{bits}\"");
            assert_eq!(parameters_of(&offer, SHARED).as_deref(), Some(BOTH));
        }
        let browser = "permessage-deflate; client_max_window_bits";
        assert_eq!(parameters_of(browser, SHARED).as_deref(), Some(BOTH));
        assert_eq!(parameters_of(browser, TAKEOVER).as_deref(), Some(""));
        let offer = "permessage-deflate;server_no_context_takeover";
        assert_eq!(parameters_of(offer, TAKEOVER).as_deref(), Some("server_no_context_takeover"));
        let offer = "permessage-deflate ; client_no_context_takeover";
        assert_eq!(parameters_of(offer, TAKEOVER).as_deref(), Some("client_no_context_takeover"));
    }

    #[test]
    fn an_offer_with_an_invalid_parameter_is_declined() {
        for parameter in [
            "server_max_window_bits",
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=010",
            "server_max_window_bits=+9",
            "client_max_window_bits=99",
            "server_no_context_takeover=1",
            "server_no_context_takeover; server_no_context_takeover",
            "client_max_window_bits; client_max_window_bits=9",
            "constructor",
        ] {
            assert_eq!(parameters_of(&format!("permessage-deflate; {parameter}"), SHARED), None);
        }
        assert_eq!(response(&["x-webkit-deflate-frame"], SHARED), Ok(None));
    }

    #[test]
    fn the_first_acceptable_offer_wins_in_whichever_field_it_is() {
        let bad = "permessage-deflate; server_max_window_bits=7";
        let good = "permessage-deflate; server_max_window_bits=9";
        let other = "permessage-deflate; server_max_window_bits=10";
        for fields in [
            vec![format!("{bad}, {good}, {other}")],
            vec![bad.to_string(), format!(",, {good} ,"), other.to_string()],
        ] {
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            assert!(
                response(&fields, SHARED).unwrap().unwrap().ends_with("server_max_window_bits=9")
            );
        }
    }

    #[test]
    fn a_malformed_list_of_extensions_is_an_error() {
        for field in ["a;", "a=b", "a; b=", "a; b=\"c", "a; b=\"c d\"", "a b", "\"a\"", "a; b=\"\""]
        {
            assert_eq!(response(&[field], SHARED), Err(Error::ExtensionsMalformed), "{field}");
        }
    }

    #[test]
    fn a_client_checks_the_parameters_that_the_server_chose() {
        let confirmed = |field: &str, settings| {
            let text = format!("HTTP/1.1 101 x\r\nSec-WebSocket-Extensions: {field}\r\n\r\n");
            confirm(&Head::parse_response(text.as_bytes()).unwrap(), settings)
        };
        let both = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        assert_eq!(confirmed(both, Some(SHARED)), Ok(Agreement::new(15, false, false)));
        let with_bits = format!("{both}; client_max_window_bits=9; server_max_window_bits=10");
        assert_eq!(confirmed(&with_bits, Some(SHARED)), Ok(Agreement::new(9, false, false)));
        assert_eq!(
            confirmed("permessage-deflate", Some(TAKEOVER)),
            Ok(Agreement::new(15, true, true))
        );
        for (field, settings) in [
            (both, None),
            ("permessage-deflate", Some(SHARED)),
            ("permessage-deflate, permessage-deflate", Some(TAKEOVER)),
            ("permessage-deflate; client_max_window_bits", Some(TAKEOVER)),
            ("permessage-deflate; client_max_window_bits=16", Some(TAKEOVER)),
            ("permessage-bzip2", Some(TAKEOVER)),
        ] {
            assert_eq!(confirmed(field, settings), Err(Error::ExtensionNotOffered), "{field}");
        }
    }
}
