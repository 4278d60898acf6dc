//! The kernel's memory by kind.

use halloo::load::host::usage::kernel_bytes;
use std::collections::BTreeMap;
use std::fs;

/// The number of kinds of objects that are printed.
const CACHES: usize = 8;

/// The number of bytes per connection below which a kind is not printed.
const CACHE_BYTES_MIN: f64 = 16.0;

/// The kernel's memory at one moment, in bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    /// Slab objects: sockets, inodes, files and related objects.
    objects: u64,
    /// Slab objects by kind, if this process may read them (root may).
    caches: BTreeMap<String, u64>,
}

impl Memory {
    pub(crate) fn look() -> Self {
        Self { objects: kernel_bytes().unwrap_or_default(), caches: caches() }
    }

    /// The larger of this and another sample.
    pub(crate) fn or_more(self, other: Self) -> Self {
        if other.objects > self.objects { other } else { self }
    }

    /// The kinds of objects that grew most since `before`, with their growth, largest first.
    fn grown_caches(&self, before: &Self) -> Vec<(&str, u64)> {
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

/// Prints the kernel's memory for this number of connections.
pub(crate) fn print(before: &Memory, most: &Memory, after: &Memory, connections: u32) {
    let [was, held, left] = [before, most, after].map(|it| it.objects as f64 / f64::from(1 << 20));
    println!(
        "\nkernel objects, both ends: {was:.0} MiB before, {held:.0} at most, {left:.0} after"
    );
    let each = |bytes: u64| bytes as f64 / f64::from(connections);
    let caches: Vec<String> = most
        .grown_caches(before)
        .into_iter()
        .take(CACHES)
        .map(|(name, bytes)| (name, each(bytes)))
        .filter(|&(_, bytes)| bytes >= CACHE_BYTES_MIN)
        .map(|(name, bytes)| format!("{name} {bytes:.0}"))
        .collect();
    if !caches.is_empty() {
        println!("by kind, bytes a connection: {}", caches.join(", "));
    }
}

/// Slab caches and their bytes. Each line of the file, as in slabinfo(5): `name active_objs
/// num_objs objsize objperslab pagesperslab : tunables … : slabdata active_slabs num_slabs …`.
fn caches() -> BTreeMap<String, u64> {
    let text = fs::read_to_string("/proc/slabinfo").unwrap_or_default();
    let page = rustix::param::page_size() as u64;
    let cache = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let pages: u64 = words.get(5)?.parse().ok()?;
        let slabs: u64 = words.get(14)?.parse().ok()?;
        Some((words[0].to_owned(), slabs * pages * page))
    };
    text.lines().filter_map(cache).collect()
}
