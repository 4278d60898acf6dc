//! Where the memory is.

use crate::process;
use std::collections::BTreeMap;
use std::fs;
use std::io;

/// Bytes at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    /// Of the server's own: the parent and its workers.
    pub(crate) server: u64,
    /// Of the client processes' own.
    pub(crate) clients: u64,
    /// Objects of the kernel: sockets, inodes, files and what belongs to them.
    pub(crate) slab: u64,
    /// Page tables and kernel stacks, of the whole machine.
    pub(crate) tables: u64,
    /// What TCP holds of data, by its own count; part of the slab.
    pub(crate) tcp: u64,
    /// The slab by the kind of object, if we may know (root may).
    pub(crate) caches: BTreeMap<String, u64>,
}

impl Memory {
    pub(crate) fn look(server: &[u32], clients: &[u32]) -> io::Result<Self> {
        let text = fs::read_to_string("/proc/meminfo")?;
        let kibibytes = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
            number.ok_or_else(|| io::Error::other(format!("/proc/meminfo has no {name}")))
        };
        Ok(Self {
            server: process::private_bytes(server)?,
            clients: process::private_bytes(clients)?,
            slab: kibibytes("Slab:")? * 1024,
            tables: (kibibytes("PageTables:")? + kibibytes("KernelStack:")?) * 1024,
            tcp: tcp_pages()? * page_bytes(),
            caches: caches(),
        })
    }

    /// The kinds of objects that grew most since `before`, and by how much, largest first.
    pub(crate) fn grown_caches(&self, before: &Self) -> Vec<(&str, u64)> {
        let growth = |name: &str, bytes: u64| bytes.saturating_sub(before.cache(name));
        let mut grown: Vec<(&str, u64)> =
            self.caches.iter().map(|(name, &bytes)| (&**name, growth(name, bytes))).collect();
        grown.sort_by_key(|&(_, bytes)| std::cmp::Reverse(bytes));
        grown
    }

    fn cache(&self, name: &str) -> u64 {
        self.caches.get(name).copied().unwrap_or(0)
    }
}

/// The last number of the line on TCP in sockstat.
fn tcp_pages() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/net/sockstat")?;
    let line = text.lines().find(|line| line.starts_with("TCP:"));
    let pages = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    pages.ok_or_else(|| io::Error::other("sockstat is not understood"))
}

/// slabinfo(5): `name active_objs num_objs objsize objperslab pagesperslab : tunables … : slabdata active_slabs
/// num_slabs …`.
fn caches() -> BTreeMap<String, u64> {
    let text = fs::read_to_string("/proc/slabinfo").unwrap_or_default();
    let cache = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let pages: u64 = words.get(5)?.parse().ok()?;
        let slabs: u64 = words.get(14)?.parse().ok()?;
        Some((words[0].to_owned(), slabs * pages * page_bytes()))
    };
    text.lines().filter_map(cache).collect()
}

fn page_bytes() -> u64 {
    rustix::param::page_size() as u64
}
