//! Lets the heap shrink after a large number of connections has closed.
//!
//! The C library's heap shrinks only from its end. glibc also caches a few freed chunks of each
//! small size for speed, wherever they are; one cached chunk near the end keeps everything before
//! it from being returned to the system.

use std::hint::black_box;

/// The number of freed chunks of one size that glibc caches.
const CACHED: usize = 7;

/// The number of chunks allocated for each size: the cached ones, and enough others that some of
/// them are near the beginning of the heap, wherever it takes them from.
const ATTEMPTS: usize = 16 * CACHED;

/// The sizes whose cached chunks are replaced, in bytes: all that glibc caches, in steps of 16. TLS
/// has chunks of each size. All together 240 KiB, once, may stay cached.
const SIZES: std::ops::RangeInclusive<usize> = 24..=1032;

/// Freeing this many bytes at once makes the heap look for memory that it can return.
const TRIM_BYTES: usize = 64 * 1024;

/// Replaces the cached chunks with the ones nearest to the beginning of the heap. Takes some
/// 200 µs.
pub(super) fn trim() {
    for bytes in SIZES.step_by(16) {
        // The first ones are those that were cached.
        let mut chunks: [Vec<u8>; ATTEMPTS] = std::array::from_fn(|_| chunk(bytes));
        chunks.sort_by_key(|chunk| chunk.as_ptr().addr());
        // Array elements are dropped in order, and the first ones are cached.
        drop(chunks);
    }
    drop(chunk(TRIM_BYTES));
}

/// An unused chunk of heap, hidden from the optimizer.
fn chunk(bytes: usize) -> Vec<u8> {
    black_box(Vec::with_capacity(bytes))
}
