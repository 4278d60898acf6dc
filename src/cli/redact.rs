//! Masking secrets in text that is shown or saved: the command line of a result, its URL, and
//! messages that contain the URL.
//!
//! These are secrets: the value of every header field that is not known to be harmless, the user
//! information of a URL (of `user:password` only the password), and the value of each query
//! parameter whose name suggests a secret.

/// What is shown in place of a secret.
const MASK: &str = "***";

/// Header fields whose values are not secret. Any field that is not in this list may carry a key.
const HARMLESS_FIELDS: [&str; 11] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "host",
    "origin",
    "pragma",
    "upgrade",
    "user-agent",
];

/// A query parameter is a secret if its name contains one of these,
const SECRET_NAMES: [&str; 11] =
    ["auth", "cred", "jwt", "key", "pass", "pwd", "secret", "session", "sig", "ticket", "token"];

/// or is one of these.
const SECRET_NAMES_WHOLE: [&str; 4] = ["code", "otp", "pin", "sid"];

/// The longest subprotocol that is shown: 32 characters. Longer ones are tokens, as Kubernetes and
/// others send them.
const SUBPROTOCOL_SHOWN_MAX: usize = 32;

/// Masks an argument of a command line that contains these `headers` (names and values) and
/// `subprotocols`.
pub(super) fn argument(
    argument: &str,
    headers: &[(String, String)],
    subprotocols: &[String],
) -> String {
    if let Some(masked) = headers.iter().find_map(|header| header_in(argument, header)) {
        return masked;
    }
    for subprotocol in subprotocols.iter().filter(|it| is_secret_subprotocol(it)) {
        if let Some(before) = argument.strip_suffix(subprotocol.as_str()) {
            return format!("{before}{MASK}");
        }
    }
    match argument.contains("://") {
        true => url(argument),
        false => argument.to_owned(),
    }
}

/// Masks the URL in a text. There may be one URL; with a query it must end the text.
pub(super) fn url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let authority = match authority.rsplit_once('@') {
        None => authority.to_owned(),
        Some((userinfo, host)) => match userinfo.split_once(':') {
            Some((user, _)) => format!("{user}:{MASK}@{host}"),
            None => format!("{MASK}@{host}"),
        },
    };
    format!("{scheme}://{authority}{}", path_and_query(path))
}

fn path_and_query(path: &str) -> String {
    let Some((path, query)) = path.split_once('?') else { return path.to_owned() };
    let (query, fragment) = query.split_at(query.find('#').unwrap_or(query.len()));
    let parts: Vec<String> = query.split('&').map(parameter).collect();
    format!("{path}?{}{fragment}", parts.join("&"))
}

fn parameter(part: &str) -> String {
    match part.split_once('=') {
        Some((name, _)) if is_secret_name(name) => format!("{name}={MASK}"),
        _ => part.to_owned(),
    }
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // A percent-encoded name may be any name.
    name.contains('%')
        || SECRET_NAMES.iter().any(|secret| name.contains(secret))
        || SECRET_NAMES_WHOLE.contains(&name.as_str())
}

fn is_secret_subprotocol(subprotocol: &str) -> bool {
    subprotocol.len() > SUBPROTOCOL_SHOWN_MAX || is_secret_name(subprotocol)
}

/// Masks the value of this field where the argument ends with it, as in `-HName: value` and
/// `--header=Name: value`.
fn header_in(argument: &str, (name, value): &(String, String)) -> Option<String> {
    let is_harmless = HARMLESS_FIELDS.iter().any(|harmless| name.eq_ignore_ascii_case(harmless));
    if is_harmless {
        return None;
    }
    let blank = [' ', '\t'];
    let before = argument.trim_end_matches(blank).strip_suffix(value.as_str())?;
    let before = before.trim_end_matches(blank).strip_suffix(':')?;
    before.ends_with(name.as_str()).then(|| format!("{before}: {MASK}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_shows_no_secret() {
        for (given, shown) in [
            ("ws://a:1/x?room=1", "ws://a:1/x?room=1"),
            ("ws://user:s3cret@a:1/x", "ws://user:***@a:1/x"),
            ("ws://user:s3:cr@t@a:1", "ws://user:***@a:1"),
            ("wss://s3cret@a", "wss://***@a"),
            ("ws://a/?token=s3cret", "ws://a/?token=***"),
            ("ws://a?b=1&access_token=s3cret&c=2", "ws://a?b=1&access_token=***&c=2"),
            ("ws://a/?X-Amz-Signature=s3cret", "ws://a/?X-Amz-Signature=***"),
            ("ws://a/?API_KEY=s3=cret&sid=s3cret", "ws://a/?API_KEY=***&sid=***"),
            ("ws://a/?%74oken=s3cret", "ws://a/?%74oken=***"),
            ("ws://a/?at=user@example.org", "ws://a/?at=user@example.org"),
            ("cannot connect to ws://u:s3cret@a: no", "cannot connect to ws://u:***@a: no"),
            ("unix:/run/x", "unix:/run/x"),
        ] {
            assert_eq!(url(given), shown);
        }
    }

    #[test]
    fn an_argument_shows_no_header_that_may_be_secret() {
        let headers = ["Authorization", "Cookie", "X-Api-Key", "Sec-Token", "Referer"]
            .map(|name| (name.to_owned(), "Bearer s3cret".to_owned()));
        for (name, value) in &headers {
            for prefix in ["", "-H", "-vH", "--header="] {
                for blank in [" ", "", "\t "] {
                    let given = format!("{prefix}{name}:{blank}{value}");
                    assert_eq!(argument(&given, &headers, &[]), format!("{prefix}{name}: ***"));
                }
            }
        }
        let harmless = [("Origin".to_owned(), "http://localhost".to_owned())];
        let given = "-HOrigin: http://localhost";
        assert_eq!(argument(given, &harmless, &[]), given);
        let empty = [("X-Empty".to_owned(), String::new())];
        assert_eq!(argument("X-Empty:", &empty, &[]), "X-Empty: ***");
    }

    #[test]
    fn a_subprotocol_that_carries_a_token_is_not_shown() {
        let long = format!("base64url.{}", "a".repeat(40));
        let all = ["chat".to_owned(), "bearer.token.s3cret".to_owned(), long.clone()];
        let shown = |given: &str| argument(given, &[], &all);
        assert_eq!(shown("chat"), "chat");
        assert_eq!(shown("--subprotocol=bearer.token.s3cret"), "--subprotocol=***");
        assert_eq!(shown(&long), "***");
    }
}
