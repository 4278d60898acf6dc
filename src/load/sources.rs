//! The source addresses of connections: `127.1.0.0/16`, `10.0.0.1,10.0.0.2`, `10.0.0.1-10.0.0.9`.
//!
//! One address has a limited number of ports per target; more addresses have more. Addresses are
//! stored as ranges, so a network of millions takes no more memory than one address.

use super::units::thousands;
use std::fmt;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv6Addr, UdpSocket};
use std::str::FromStr;

/// The accepted forms, named in error messages.
const WANTED: &str =
    "expected addresses such as 127.1.0.0/16, 10.0.0.1,10.0.0.2 or 10.0.0.1-10.0.0.9";

/// The most addresses in all: 2²⁴, those of 127.0.0.0/8, which Linux has by default. With 28,232
/// ports each, they allow more connections than any machine has memory for.
const ADDRESSES_MAX: u64 = 1 << 24;

/// The most ranges in one list: 1024, more than anyone types.
const RANGES_MAX: usize = 1024;

/// Addresses of one family: at least one, without duplicates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    /// The text as written.
    text: String,
    ranges: Vec<Range>,
}

/// Why a text is not a list of source addresses, with the accepted forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcesError(String);

impl Sources {
    /// The number of addresses, 1 to 2²⁴.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(Range::len).sum()
    }

    /// Always false: there is at least one address.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether the addresses are IPv6; all are of the same family.
    pub fn is_ipv6(&self) -> bool {
        self.ranges.first().is_some_and(|range| range.is_ipv6)
    }

    /// The address with this index, modulo the number of addresses, so that connections take turns.
    pub fn address(&self, nth: u64) -> IpAddr {
        let mut left = nth % self.len().max(1);
        for range in &self.ranges {
            if left < range.len() {
                return range.address(left);
            }
            left -= range.len();
        }
        // Unreachable: `left` started below the total.
        Ipv6Addr::UNSPECIFIED.into()
    }

    /// All addresses, in the order written.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.ranges.iter().flat_map(|range| (0..range.len()).map(|nth| range.address(nth)))
    }

    /// The first non-local address among the first and last addresses of all ranges.
    pub fn non_local(&self) -> Option<IpAddr> {
        let ends =
            self.ranges.iter().flat_map(|range| [0, range.len() - 1].map(|n| range.address(n)));
        ends.into_iter().find(|&address| is_non_local(address))
    }
}

/// Whether the system reports that this address does not belong to this machine.
pub fn is_non_local(address: IpAddr) -> bool {
    // Binding is enough to find out; with UDP, nobody can connect meanwhile.
    let bound = UdpSocket::bind((address, 0));
    bound.is_err_and(|error| error.kind() == ErrorKind::AddrNotAvailable)
}

impl FromStr for Sources {
    type Err = SourcesError;

    fn from_str(text: &str) -> Result<Self, SourcesError> {
        let items: Vec<&str> = text.split(',').map(str::trim).collect();
        if items.len() > RANGES_MAX {
            return Err(SourcesError(format!(
                "{} addresses and ranges are too many (at most {RANGES_MAX}): write networks, as in 127.1.0.0/16",
                items.len()
            )));
        }
        let ranges = items.iter().map(|item| parse_range(item)).collect::<Result<Vec<_>, _>>()?;
        if ranges.iter().any(|range| range.is_ipv6 != ranges[0].is_ipv6) {
            return Err(SourcesError(format!("'{text}' mixes IPv4 and IPv6: {WANTED}")));
        }
        let mut sorted: Vec<(&Range, &&str)> = ranges.iter().zip(&items).collect();
        sorted.sort_by_key(|(range, _)| range.first);
        if let Some(pair) = sorted.windows(2).find(|pair| pair[1].0.first <= pair[0].0.last) {
            let (one, other) = (pair[0].1, pair[1].1);
            return Err(SourcesError(format!(
                "'{one}' and '{other}' overlap: list each address once"
            )));
        }
        let sources = Self { text: text.into(), ranges };
        match sources.len() <= ADDRESSES_MAX {
            true => Ok(sources),
            false => Err(too_many(text)),
        }
    }
}

impl fmt::Display for Sources {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Display for SourcesError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for SourcesError {}

/// Consecutive addresses, as numbers. Invariant: `first <= last`, and at most [`ADDRESSES_MAX`]
/// addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Range {
    is_ipv6: bool,
    first: u128,
    last: u128,
}

impl Range {
    /// A range, if it is not too long and contains only addresses that a machine can have.
    fn new(first: IpAddr, last: u128, text: &str) -> Result<Self, SourcesError> {
        let range = Self { is_ipv6: first.is_ipv6(), first: number(first), last };
        if range.last - range.first >= u128::from(ADDRESSES_MAX) {
            return Err(too_many(text));
        }
        // Multicast and broadcast addresses are at the end of the address space, the unspecified
        // address at its start.
        let last = range.address(range.len() - 1);
        let is_broadcast = matches!(last, IpAddr::V4(last) if last.is_broadcast());
        if first.is_unspecified() || last.is_multicast() || is_broadcast {
            return Err(SourcesError(format!(
                "'{text}' contains an address that cannot be a source address: {WANTED}"
            )));
        }
        Ok(range)
    }

    fn len(&self) -> u64 {
        (self.last - self.first) as u64 + 1
    }

    fn address(&self, nth: u64) -> IpAddr {
        address(self.is_ipv6, self.first + u128::from(nth))
    }
}

fn parse_range(text: &str) -> Result<Range, SourcesError> {
    let invalid =
        || SourcesError(format!("'{text}' is not an address, network or range: {WANTED}"));
    let parse = |text: &str| text.parse::<IpAddr>().map_err(|_| invalid());
    if let Some((network, prefix)) = text.split_once('/') {
        return parse_network(parse(network)?, prefix, text);
    }
    let Some((first, last)) = text.split_once('-') else {
        let only = parse(text)?;
        return Range::new(only, number(only), text);
    };
    let (first, last) = (parse(first)?, parse(last)?);
    if first.is_ipv6() != last.is_ipv6() || first > last {
        return Err(invalid());
    }
    Range::new(first, number(last), text)
}

fn parse_network(network: IpAddr, prefix: &str, text: &str) -> Result<Range, SourcesError> {
    let bits: u32 = if network.is_ipv6() { 128 } else { 32 };
    let parsed = prefix.parse::<u32>().ok().filter(|&prefix| prefix <= bits);
    let Some(prefix) = parsed else {
        return Err(SourcesError(format!(
            "'{text}' has no prefix length from 0 to {bits}: {WANTED}"
        )));
    };
    if bits - prefix > ADDRESSES_MAX.ilog2() {
        return Err(too_many(text));
    }
    let hosts = (1_u128 << (bits - prefix)) - 1;
    let first = number(network) & !hosts;
    if first != number(network) {
        let network = address(network.is_ipv6(), first);
        return Err(SourcesError(format!("'{text}' has host bits set: write {network}/{prefix}")));
    }
    // RFC 3021: in IPv4 networks larger than /31, the first address is the network's own and the
    // last is its broadcast address.
    let excluded = u128::from(network.is_ipv4() && prefix < 31);
    Range::new(address(network.is_ipv6(), first + excluded), first + hosts - excluded, text)
}

fn too_many(text: &str) -> SourcesError {
    let most = thousands(ADDRESSES_MAX);
    SourcesError(format!(
        "'{text}' has more than {most} addresses: use at most an IPv4 /8 or an IPv6 /104"
    ))
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

fn address(is_ipv6: bool, number: u128) -> IpAddr {
    match is_ipv6 {
        false => IpAddr::V4((number as u32).into()),
        true => IpAddr::V6(number.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::net::Ipv4Addr;

    fn sources(text: &str) -> Sources {
        text.parse().unwrap()
    }

    fn listed(text: &str) -> Vec<String> {
        sources(text).iter().map(|address| address.to_string()).collect()
    }

    #[test]
    fn every_form_is_parsed() {
        assert_eq!(listed("10.0.0.1"), ["10.0.0.1"]);
        assert_eq!(listed("10.0.0.9, 10.0.0.2"), ["10.0.0.9", "10.0.0.2"]);
        assert_eq!(
            listed("10.0.0.254-10.0.1.1"),
            ["10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1"]
        );
        assert_eq!(
            listed("10.0.0.4/30"),
            ["10.0.0.5", "10.0.0.6"],
            "neither network nor broadcast"
        );
        assert_eq!(listed("10.0.0.4/31"), ["10.0.0.4", "10.0.0.5"], "a point-to-point link");
        assert_eq!(listed("10.0.0.4/32"), ["10.0.0.4"]);
        assert_eq!(listed("2001:db8::/127"), ["2001:db8::", "2001:db8::1"]);
        assert_eq!(sources("127.1.0.0/16").len(), 65_534);
        assert_eq!(sources("127.0.0.0/8").len(), 16_777_214);
        assert_eq!(sources("fd00::/104").len(), 1 << 24);
        assert_eq!(sources("127.1.0.0/16,127.3.0.1").to_string(), "127.1.0.0/16,127.3.0.1");
        assert!(sources("::1").is_ipv6() && !sources("127.0.0.1").is_ipv6());
    }

    #[test]
    fn indexes_wrap_around_across_ranges() {
        let sources = sources("127.1.0.0/30,127.9.0.1");
        let nth = |nth| sources.address(nth).to_string();
        assert_eq!([nth(0), nth(1), nth(2)], ["127.1.0.1", "127.1.0.2", "127.9.0.1"]);
        assert_eq!((nth(3), nth(u64::MAX)), (nth(0), nth(u64::MAX % 3)));
    }

    #[test]
    fn errors_name_the_fault_and_the_accepted_forms() {
        for (text, part) in [
            ("", "'' is not an address"),
            ("localhost", "127.1.0.0/16"),
            ("10.0.0.1,", "'' is not an address"),
            ("10.0.0.1/33", "no prefix length from 0 to 32"),
            ("::1/129", "no prefix length from 0 to 128"),
            ("10.0.0.0/-1", "no prefix length"),
            ("127.1.0.5/16", "write 127.1.0.0/16"),
            ("10.0.0.9-10.0.0.1", "is not an address, network or range"),
            ("10.0.0.1-::1", "is not an address, network or range"),
            ("10.0.0.1,::1", "mixes IPv4 and IPv6"),
            ("10.0.0.1,10.0.0.1", "'10.0.0.1' and '10.0.0.1' overlap"),
            ("10.0.0.9,10.0.0.0/24", "overlap: list each address once"),
            ("0.0.0.0", "cannot be a source address"),
            ("224.0.0.1", "cannot be a source address"),
            ("255.255.255.255", "cannot be a source address"),
            ("0.0.0.0/0", "more than 16,777,216 addresses"),
            ("2001:db8::/64", "IPv6 /104"),
            ("10.0.0.0/8,11.0.0.0/8", "more than 16,777,216 addresses"),
            ("::-ffff::", "more than 16,777,216 addresses"),
        ] {
            let error = text.parse::<Sources>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        let long = vec!["10.0.0.1"; RANGES_MAX + 1].join(",");
        assert!(long.parse::<Sources>().unwrap_err().to_string().contains("1025"));
    }

    #[test]
    fn non_local_addresses_are_found() {
        assert_eq!(sources("127.0.0.1").non_local(), None);
        let documentation = Ipv4Addr::new(192, 0, 2, 1);
        assert_eq!(sources("127.0.0.1,192.0.2.1").non_local(), Some(documentation.into()));
    }

    proptest! {
        #[test]
        fn a_small_network_has_every_address_once(
            start in 0x0100_0000_u32..0xe000_0000,
            prefix in 20_u32..=30,
        ) {
            let hosts = (1_u32 << (32 - prefix)) - 1;
            let first = start & !hosts;
            let text = format!("{}/{prefix}", Ipv4Addr::from(first));
            let sources = sources(&text);
            let all: BTreeSet<IpAddr> = sources.iter().collect();
            let expected: BTreeSet<IpAddr> =
                (first + 1..first + hosts).map(|number| Ipv4Addr::from(number).into()).collect();
            prop_assert_eq!(sources.len(), expected.len() as u64);
            prop_assert_eq!(&all, &expected);
            let by_number: Vec<IpAddr> = (0..sources.len()).map(|nth| sources.address(nth)).collect();
            prop_assert!(sources.iter().eq(by_number));
        }

        #[test]
        fn any_text_parses_or_returns_an_error(text in "[0-9a-f:./,-]{0,40}") {
            match text.parse::<Sources>() {
                Ok(sources) => prop_assert!((1..=ADDRESSES_MAX).contains(&sources.len())),
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }
}
