//! Random bytes from the operating system.

use crate::proto::batch::Random;

/// Bytes asked for at once: 1 KiB, so that a masking key does not cost a system call.
const POOL_BYTES: usize = 1024;

/// A source for a [`Batch`](crate::proto::Batch). No byte is given out twice, or kept once given.
///
/// # Panics
/// The source panics if the operating system has no random bytes: no challenge could be trusted then.
pub fn from_system() -> Random {
    let mut pool = vec![0; POOL_BYTES].into_boxed_slice();
    let mut used = POOL_BYTES;
    Box::new(move |bytes| {
        for byte in bytes {
            if used == POOL_BYTES {
                getrandom::fill(&mut pool).expect("the operating system gives random bytes");
                used = 0;
            }
            *byte = std::mem::take(&mut pool[used]);
            used += 1;
        }
    })
}
