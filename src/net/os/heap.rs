//! Lets the heap shrink when a crowd has gone.
//!
//! The C library's heap shrinks only from its end, and glibc keeps some freed pieces of each small size aside to be
//! quick, wherever they are. One of them near the end keeps all the rest from the system.

use std::hint::black_box;

/// How many freed pieces of one size are kept aside.
const KEPT_ASIDE: usize = 7;

/// How many pieces of a size are tried: those that are kept aside, and enough others that some of them are near the
/// beginning, wherever the heap takes them from.
const TRIED: usize = 16 * KEPT_ASIDE;

/// The sizes of which pieces are replaced, in bytes: all that glibc keeps aside, in steps of 16. TLS has pieces of
/// each. All together 240 KiB, once, may stay aside.
const SIZES: std::ops::RangeInclusive<usize> = 24..=1032;

/// To free so much at once has the heap look for what it can give back.
const LOOK_BYTES: usize = 64 * 1024;

/// Has the pieces that are kept aside be the ones nearest to the heap's beginning. It takes some 200 µs.
pub(super) fn trim() {
    for bytes in SIZES.step_by(16) {
        // The first ones are those that were kept aside.
        let mut pieces: [Vec<u8>; TRIED] = std::array::from_fn(|_| piece(bytes));
        pieces.sort_by_key(|piece| piece.as_ptr().addr());
        // Array elements are dropped in order, and the first ones are kept aside.
        drop(pieces);
    }
    drop(piece(LOOK_BYTES));
}

/// A piece of heap that nobody needs, which the compiler must not find out.
fn piece(bytes: usize) -> Vec<u8> {
    black_box(Vec::with_capacity(bytes))
}
