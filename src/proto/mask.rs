//! Masking and unmasking of frame payloads (RFC 6455 §5.3).

/// XORs `payload` with the repeated `key`, starting at the key's first byte.
///
/// Masking and unmasking are the same operation. RFC 6455 §5.3: "Octet i of the transformed data
/// is the XOR of octet i of the original data with octet at index i modulo 4 of the masking key".
pub fn apply(payload: &mut [u8], key: [u8; 4]) {
    let word = u32::from_ne_bytes(key);
    let wide = (u64::from(word) << 32) | u64::from(word);
    // Four words at a time: the compiler turns the inner loop into one or two vector operations.
    let mut blocks = payload.chunks_exact_mut(32);
    for block in &mut blocks {
        for lane in block.chunks_exact_mut(8) {
            let masked = u64::from_ne_bytes(lane.try_into().expect("8 bytes")) ^ wide;
            lane.copy_from_slice(&masked.to_ne_bytes());
        }
    }
    // A block is a multiple of the key's length, so the rest starts with the key's first byte.
    for (byte, key) in blocks.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// Rotates `key` so that it applies `offset` bytes further into the payload.
pub fn rotate(key: [u8; 4], offset: usize) -> [u8; 4] {
    let mut rotated = key;
    rotated.rotate_left(offset % 4);
    rotated
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than every width that the loop processes; Miri is slow and only passes the first.
    const LENGTHS_MAX: usize = if cfg!(miri) { 40 } else { 130 };

    #[test]
    fn masking_follows_the_rfc_formula_at_every_length_and_offset() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for len in 0..LENGTHS_MAX {
            let plain: Vec<u8> = (0..len).map(|i| (i * 7) as u8).collect();
            let expected: Vec<u8> = (0..len).map(|i| plain[i] ^ key[i % 4]).collect();
            for split in 0..=len {
                let mut masked = plain.clone();
                let (front, back) = masked.split_at_mut(split);
                apply(front, key);
                apply(back, rotate(key, split));
                assert_eq!(masked, expected, "length {len}, split at {split}");
            }
        }
    }

    #[test]
    fn the_example_of_section_5_7() {
        let mut payload = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        apply(&mut payload, [0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(&payload, b"Hello");
    }
}
