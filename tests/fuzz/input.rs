//! How the bytes of a fuzzer are read: a few choices first, then what the peer sends.

/// The bytes in front of what the peer sends.
pub(crate) struct Input<'a> {
    choices: u8,
    /// The sizes in which the rest arrives, by turns.
    pub(crate) cuts: [usize; 2],
    pub(crate) bytes: &'a [u8],
}

impl<'a> Input<'a> {
    /// One byte of choices and two of cuts; `None` if there are fewer.
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        let (&[choices, first, second], bytes) = bytes.split_first_chunk()?;
        Some(Self { choices, cuts: [first, second].map(cut), bytes })
    }

    /// One of two.
    pub(crate) fn chooses(&self, bit: u32) -> bool {
        self.choices >> bit & 1 == 1
    }

    /// One of four: the two bits from `bit` on.
    pub(crate) fn one_of_four(&self, bit: u32) -> u8 {
        self.choices >> bit & 3
    }
}

/// Each size up to 128, where headers are cut, then steps of 32 up to 4 KiB.
fn cut(byte: u8) -> usize {
    match usize::from(byte) {
        small @ 0..128 => small + 1,
        large => (large - 127) * 32,
    }
}
