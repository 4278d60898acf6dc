//! URLs as a user types them.

use halloo::net::address::{Address, Location};

/// What parses is shown as something that parses to the same, and makes a `Host` field of one line.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let address = match text.parse::<Address>() {
        Ok(address) => address,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    // User and password are never shown.
    let address = Address { userinfo: None, ..address };
    let shown = address.to_string();
    assert_eq!(shown.parse::<Address>().as_ref(), Ok(&address), "{shown:?}");
    let address = address.to_connect_to();
    assert!(!address.host_field().is_empty());
    match &address.location {
        Location::Tcp(host, _) => assert!(!host.is_empty()),
        Location::Unix(path) => assert!(!path.as_os_str().is_empty()),
    }
    let is_path = |path: &str| path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic());
    assert!(address.path.as_deref().is_none_or(is_path));
}
