//! Random bytes from the operating system.

use crate::proto::batch::Random;

/// The number of bytes requested at once: 1 KiB, so that a masking key does not cost a system call.
const POOL_BYTES: usize = 1024;

/// A random source for a [`Batch`](crate::proto::Batch). Each byte is returned only once, and
/// erased from the pool then.
///
/// # Panics
/// The source panics if the operating system cannot supply random bytes: no challenge could be
/// trusted then.
pub fn from_system() -> Random {
    let mut pool = Pool { bytes: Box::new([0; POOL_BYTES]), used: POOL_BYTES };
    Box::new(move |bytes| match <&mut [u8; 4]>::try_from(&mut *bytes) {
        // A masking key: the most frequent request, and one word.
        Ok(key) => pool.take(key),
        Err(_) => bytes.chunks_mut(POOL_BYTES).for_each(|piece| pool.take(piece)),
    })
}

struct Pool {
    bytes: Box<[u8; POOL_BYTES]>,
    used: usize,
}

impl Pool {
    /// Fills a piece that is at most as long as the pool.
    #[inline(always)]
    fn take(&mut self, piece: &mut [u8]) {
        if piece.len() > POOL_BYTES - self.used {
            getrandom::fill(&mut self.bytes[..])
                .expect("the operating system supplies random bytes");
            self.used = 0;
        }
        let fresh = &mut self.bytes[self.used..self.used + piece.len()];
        piece.copy_from_slice(fresh);
        fresh.fill(0);
        self.used += piece.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_size_are_filled_and_differ() {
        let mut random = from_system();
        for bytes in [4, 16, 4, 1023, 1024, 5000] {
            let mut pieces = [vec![0; bytes], vec![0; bytes]];
            pieces.iter_mut().for_each(|piece| random(piece));
            assert_ne!(pieces[0], pieces[1]);
            let zeros = |piece: &[u8]| piece.iter().filter(|&&byte| byte == 0).count();
            assert!(
                bytes < 1000 || pieces.iter().all(|piece| zeros(piece) < bytes / 64),
                "{bytes}"
            );
        }
    }
}
