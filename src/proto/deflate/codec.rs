//! Compression and decompression of single messages (RFC 7692 §7.2), with state shared by all
//! connections.

#[cfg(not(feature = "deflate"))]
pub(crate) use without::Codec;
#[cfg(feature = "deflate")]
pub(crate) use zlib::Codec;

#[cfg(feature = "deflate")]
mod zlib {
    use crate::proto::deflate::History;
    use crate::proto::error::Error;
    use crate::proto::send_buffer::SendBuffer;
    use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

    /// 7.2.1 and 7.2.2: the bytes that a sender removes from the end of a message, and that a
    /// receiver appends.
    const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

    /// A final, empty, stored block. After a complete message it ends the stream; inside a
    /// truncated one it does not.
    const PROBE: [u8; 5] = [0x01, 0x00, 0x00, 0xff, 0xff];

    /// The largest window: 2^15 bytes (RFC 1951 §2).
    const WINDOW_BYTES: usize = 1 << 15;

    /// Output space reserved at a time: 16 KiB.
    const OUTPUT_BYTES: usize = 16 * 1024;

    /// Output space kept between messages: 256 KiB. Larger output gets its own pages, which are
    /// returned to the system with it.
    const OUTPUT_BYTES_KEPT: usize = 256 * 1024;

    /// The fastest level: for an echo server, speed matters more than size.
    const LEVEL: u32 = 1;

    /// The smallest window that zlib compresses with, in bits.
    const WINDOW_BITS_MIN: u8 = 9;

    /// One decompressor, and one compressor per window size, created on first use.
    #[derive(Debug, Default)]
    pub(crate) struct Codec {
        inflater: Option<Decompress>,
        deflaters: [Option<Compress>; 7],
        /// The output buffer for compression, reused from message to message.
        output: SendBuffer,
        /// Bytes of compressor input plus bytes of decompressor output, in this batch.
        work: usize,
    }

    impl Codec {
        /// Decompresses one message.
        ///
        /// # Errors
        /// [`Error::MessageTooBig`] as soon as the output exceeds `limit` bytes,
        /// [`Error::MemoryExhausted`] as soon as it needs more than `room` bytes,
        /// [`Error::DeflateInvalid`].
        pub(crate) fn inflate(
            &mut self,
            message: &[u8],
            history: &[u8],
            limit: usize,
            room: usize,
        ) -> Result<SendBuffer, Error> {
            let inflater =
                self.inflater.get_or_insert_with(|| Decompress::new_with_window_bits(false, 15));
            let output = SendBuffer::default();
            let mut stream = Stream { inflater, history, limit, room, output, ended: true };
            let result = stream.inflate_all(message);
            self.work = self.work.saturating_add(stream.output.len());
            result.map(|()| stream.output)
        }

        /// Resets the count of [`work`](Self::work).
        #[inline]
        pub(crate) fn reset_work(&mut self) {
            self.work = 0;
        }

        /// Bytes compressed plus bytes decompressed in this batch.
        #[inline]
        pub(crate) fn work(&self) -> usize {
            self.work
        }

        /// Compresses one message with a window of `window_bits` bits; `None` if that is not
        /// possible. Return the result with [`reuse`](Self::reuse).
        ///
        /// # Errors
        /// [`Error::MemoryExhausted`] if the result needs more than `room` bytes.
        pub(crate) fn deflate(
            &mut self,
            parts: &[&[u8]],
            history: Option<&History>,
            window_bits: u8,
            room: usize,
        ) -> Result<Option<SendBuffer>, Error> {
            let bytes: usize = parts.iter().map(|part| part.len()).sum();
            // zlib has no window of 8 bits (256 bytes). A message no longer than that, without
            // history, cannot refer back further, so a larger window does no harm.
            let fits = window_bits >= WINDOW_BITS_MIN || (bytes <= 256 && history.is_none());
            if !fits {
                return Ok(None);
            }
            self.work = self.work.saturating_add(bytes);
            let bits = window_bits.max(WINDOW_BITS_MIN);
            let deflater =
                self.deflaters[usize::from(bits - WINDOW_BITS_MIN)].get_or_insert_with(|| {
                    Compress::new_with_window_bits(Compression::new(LEVEL), false, bits)
                });
            deflater.reset();
            if let Some(history) = history.filter(|history| !history.bytes().is_empty())
                && deflater.set_dictionary(history.bytes()).is_err()
            {
                return Ok(None);
            }
            let mut output = std::mem::take(&mut self.output);
            output.clear(OUTPUT_BYTES_KEPT);
            for part in parts {
                deflate_all(deflater, part, &mut output, FlushCompress::None, room)?;
            }
            deflate_all(deflater, &[], &mut output, FlushCompress::Sync, room)?;
            debug_assert!(output.ends_with(&TAIL), "a sync flush ends with an empty stored block");
            output.truncate(output.len() - TAIL.len());
            Ok(Some(output))
        }

        /// Keeps the buffer of a sent message for the next one, unless the buffer is large.
        pub(crate) fn reuse(&mut self, mut output: SendBuffer) {
            output.clear(OUTPUT_BYTES_KEPT);
            self.output = output;
        }
    }

    /// The decompression of one message.
    struct Stream<'a> {
        inflater: &'a mut Decompress,
        history: &'a [u8],
        limit: usize,
        room: usize,
        output: SendBuffer,
        /// The stream has ended, or has not started. 7.2.3.4: a block with BFINAL ends the stream,
        /// but not the message; the next stream may still refer to the data before it.
        ended: bool,
    }

    impl Stream<'_> {
        fn inflate_all(&mut self, message: &[u8]) -> Result<(), Error> {
            self.inflate(message)?;
            // A sender whose last block has BFINAL may omit the empty block after it, and some send
            // an empty message as zero bytes, because zlib has nothing to flush for it.
            if !self.ended {
                self.inflate(&TAIL)?;
                self.inflate(&PROBE)?;
            }
            if self.ended { Ok(()) } else { Err(Error::DeflateInvalid) }
        }

        fn inflate(&mut self, mut input: &[u8]) -> Result<(), Error> {
            while !input.is_empty() {
                if std::mem::take(&mut self.ended) {
                    self.begin()?;
                }
                let consumed = self.inflate_some(input)?;
                input = &input[consumed..];
            }
            Ok(())
        }

        fn begin(&mut self) -> Result<(), Error> {
            self.inflater.reset(false);
            if self.output.is_empty() {
                return self.refer_to(self.history);
            }
            let window_bytes = self.output.len().min(WINDOW_BYTES);
            let older_bytes = self.history.len().min(WINDOW_BYTES - window_bytes);
            let older = &self.history[self.history.len() - older_bytes..];
            let newer = &self.output[self.output.len() - window_bytes..];
            self.refer_to(&[older, newer].concat())
        }

        /// Sets the data that the next stream may refer to.
        fn refer_to(&mut self, window: &[u8]) -> Result<(), Error> {
            if !window.is_empty() {
                self.inflater.set_dictionary(window).map_err(|_| Error::DeflateInvalid)?;
            }
            Ok(())
        }

        /// Decompresses once; returns the number of input bytes consumed.
        fn inflate_some(&mut self, input: &[u8]) -> Result<usize, Error> {
            let filled = self.output.len();
            // The output space doubles each time, but must not double past the limit or the room.
            // One byte past the limit is enough to detect that it is exceeded.
            let allowed = (self.limit - filled).saturating_add(1);
            let room = self.room.saturating_sub(filled);
            let doubled = OUTPUT_BYTES.max(filled);
            let is_nearly_all = doubled.saturating_add(OUTPUT_BYTES) >= allowed;
            let wanted = if is_nearly_all { allowed } else { doubled }.min(room.max(1));
            self.output.reserve(wanted, OUTPUT_BYTES_KEPT, room)?;
            let before = self.inflater.total_in();
            let status = match &mut self.output {
                SendBuffer::Heap(output) => {
                    self.inflater.decompress_vec(input, output, FlushDecompress::Sync)
                }
                SendBuffer::Pages { pages, len } => {
                    let before = self.inflater.total_out();
                    let place = &mut pages[*len..];
                    let place_bytes = place.len().min(wanted);
                    let place = &mut place[..place_bytes];
                    let status = self.inflater.decompress(input, place, FlushDecompress::Sync);
                    *len += (self.inflater.total_out() - before) as usize;
                    status
                }
            };
            let status = status.map_err(|_| Error::DeflateInvalid)?;
            if self.output.len() > self.limit {
                return Err(Error::MessageTooBig);
            }
            let consumed = (self.inflater.total_in() - before) as usize;
            self.ended = status == Status::StreamEnd;
            let is_stuck = consumed == 0 && self.output.len() == filled && !self.ended;
            if is_stuck { Err(Error::DeflateInvalid) } else { Ok(consumed) }
        }
    }

    /// Compresses all of `input`; with `Sync`, also flushes the compressor's pending output.
    fn deflate_all(
        deflater: &mut Compress,
        mut input: &[u8],
        output: &mut SendBuffer,
        flush: FlushCompress,
        room: usize,
    ) -> Result<(), Error> {
        loop {
            let room = room.saturating_sub(output.len());
            output.reserve(OUTPUT_BYTES, OUTPUT_BYTES_KEPT, room)?;
            let before = deflater.total_in();
            let (status, has_space) = match output {
                SendBuffer::Heap(output) => {
                    let status = deflater.compress_vec(input, output, flush);
                    (status, output.len() < output.capacity())
                }
                SendBuffer::Pages { pages, len } => {
                    let before = deflater.total_out();
                    let status = deflater.compress(input, &mut pages[*len..], flush);
                    *len += (deflater.total_out() - before) as usize;
                    (status, *len < pages.len())
                }
            };
            // Any data can be compressed; only a stream that has ended accepts no more.
            status.map_err(|_| Error::DeflateInvalid)?;
            input = &input[(deflater.total_in() - before) as usize..];
            // Unused output space means that the compressor has no more output.
            if input.is_empty() && has_space {
                return Ok(());
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// The size of the bomb and the lengths of the texts; Miri takes microseconds for each
        /// byte.
        const BOMB_BYTES: usize = if cfg!(miri) { 1 << 12 } else { 1 << 20 };
        const NUMBERS: u32 = if cfg!(miri) { 200 } else { 5_000 };
        const LENGTHS: &[u32] =
            if cfg!(miri) { &[0, 1, 256, 257] } else { &[0, 1, 200, 256, 257, 1_000, 70_000] };

        const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

        /// No memory limit.
        const ROOM: usize = usize::MAX;

        fn inflate(message: &[u8]) -> Result<Vec<u8>, Error> {
            Codec::default().inflate(message, &[], 1 << 20, ROOM).map(|output| output.to_vec())
        }

        fn deflate(codec: &mut Codec, message: &[u8], bits: u8) -> Option<Vec<u8>> {
            codec.deflate(&[message], None, bits, ROOM).unwrap().map(|output| output.to_vec())
        }

        #[test]
        fn the_examples_of_section_7_2_3() {
            assert_eq!(inflate(&HELLO).unwrap(), b"Hello");
            let stored = b"\x00\x05\x00\xfa\xffHello\x00";
            assert_eq!(inflate(stored).unwrap(), b"Hello");
            let with_bfinal = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
            assert_eq!(inflate(&with_bfinal).unwrap(), b"Hello");
            let two_blocks =
                [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
            assert_eq!(inflate(&two_blocks).unwrap(), b"Hello");
            let second = [0xf2, 0x00, 0x11, 0x00, 0x00];
            let output = Codec::default().inflate(&second, b"Hello", 9, ROOM).unwrap();
            assert_eq!(output[..], *b"Hello");
            assert_eq!(inflate(&[0x00]).unwrap(), b"");
            assert_eq!(inflate(&[]).unwrap(), b"");
        }

        #[test]
        fn truncated_or_invalid_input_is_rejected() {
            let mut codec = Codec::default();
            let text: Vec<u8> = (0..NUMBERS).flat_map(|i| (i * i).to_le_bytes()).collect();
            let whole = deflate(&mut codec, &text, 15).unwrap();
            for cut in [1, 10, whole.len() / 2, whole.len() - 2] {
                assert_eq!(inflate(&whole[..cut]), Err(Error::DeflateInvalid), "{cut}");
            }
            assert_eq!(inflate(&[0xff; 10]), Err(Error::DeflateInvalid));
            assert_eq!(inflate(&whole).unwrap(), text);
        }

        #[test]
        fn the_limit_applies_to_the_output_to_the_byte() {
            let mut codec = Codec::default();
            let bomb = deflate(&mut codec, &vec![0; BOMB_BYTES], 15).unwrap();
            assert!(bomb.len() < BOMB_BYTES / 32);
            let limit = BOMB_BYTES;
            let mut inflate =
                |limit, room| codec.inflate(&bomb, &[], limit, room).map(|it| it.len());
            assert_eq!(inflate(limit, ROOM), Ok(BOMB_BYTES));
            assert_eq!(inflate(limit - 1, ROOM), Err(Error::MessageTooBig));
            assert_eq!(inflate(usize::MAX, 2 * limit), Ok(BOMB_BYTES));
            assert_eq!(inflate(limit, limit / 4), Err(Error::MemoryExhausted));
        }

        #[test]
        fn messages_round_trip_at_every_window_and_with_history() {
            let mut codec = Codec::default();
            let texts: Vec<Vec<u8>> = LENGTHS
                .iter()
                .map(|&len| (0..len).map(|i: u32| (i.wrapping_mul(i) >> 5) as u8).collect())
                .collect();
            for bits in 8..=15 {
                for text in &texts {
                    let message = deflate(&mut codec, text, bits);
                    assert_eq!(message.is_none(), bits == 8 && text.len() > 256);
                    let Some(message) = message else { continue };
                    let mut receiver = Decompress::new_with_window_bits(false, bits.max(9));
                    let mut output = Vec::with_capacity(text.len() + 1);
                    receiver.decompress_vec(&message, &mut output, FlushDecompress::Sync).unwrap();
                    assert_eq!(&output, text, "{bits} bits, {} bytes", text.len());
                }
            }
            let mut history = History::default();
            for text in &texts {
                let message = codec.deflate(&[text], Some(&history), 15, ROOM).unwrap().unwrap();
                let output = codec.inflate(&message, history.bytes(), 1 << 20, ROOM).unwrap();
                assert_eq!(output[..], text[..]);
                history.extend(text).unwrap();
            }
        }
    }
}

#[cfg(not(feature = "deflate"))]
mod without {
    use crate::proto::deflate::History;
    use crate::proto::error::Error;
    use crate::proto::send_buffer::SendBuffer;

    /// The replacement in builds without compression, where the extension is never negotiated.
    #[derive(Debug, Default)]
    pub(crate) struct Codec(());

    impl Codec {
        pub(crate) fn inflate(
            &mut self,
            _message: &[u8],
            _history: &[u8],
            _limit: usize,
            _room: usize,
        ) -> Result<SendBuffer, Error> {
            Err(Error::DeflateInvalid)
        }

        pub(crate) fn reset_work(&mut self) {}

        pub(crate) fn work(&self) -> usize {
            0
        }

        pub(crate) fn deflate(
            &mut self,
            _parts: &[&[u8]],
            _history: Option<&History>,
            _window_bits: u8,
            _room: usize,
        ) -> Result<Option<SendBuffer>, Error> {
            Ok(None)
        }

        pub(crate) fn reuse(&mut self, _output: SendBuffer) {}
    }
}
