//! Decodes saved histograms: HdrHistogram's V2 encoding, compressed, in base64.
//!
//! The text is untrusted. It is decoded bucket by bucket, so that it takes no more memory than the
//! buckets that occur, whatever lengths it claims.

use crate::load::result::packed::{NANOSECONDS_MAX, lower};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::bufread::ZlibDecoder;
use std::io::{BufReader, Read};

/// `0x1c849304`: "V2CompressedEncodingCookieBase", with counts as LEB128.
const COMPRESSED_COOKIE: u32 = 0x1c84_9314;

/// `0x1c849303`: "V2EncodingCookieBase", with counts as LEB128.
const COOKIE: u32 = 0x1c84_9313;

/// Bytes before the counts: cookie, length of the counts, offset, digits, lowest and highest value,
/// and the integer-to-double conversion ratio.
const HEADER_BYTES: usize = 40;

/// The significant decimal digits that a histogram can have.
const DIGITS: std::ops::RangeInclusive<u32> = 1..=5;

/// Passes each bucket that occurs to `visit`, shortest time first: its lower bound in nanoseconds,
/// in our own bucket scheme, and its count.
///
/// # Errors
/// A sentence: the text is not a histogram, or contradicts itself.
pub(in crate::load) fn decode(text: &str, visit: &mut dyn FnMut(u64, u64)) -> Result<(), String> {
    let bytes = STANDARD.decode(text).map_err(|_| not_one("it is not base64"))?;
    let Some((head, compressed)) = bytes.split_first_chunk::<8>() else {
        return Err(not_one("it is too short"));
    };
    let [cookie, length] = [number(&head[..4]), number(&head[4..])].map(|it| it as u32);
    if cookie != COMPRESSED_COOKIE {
        return Err(not_one("it does not begin with HISTF"));
    }
    let compressed = usize::try_from(length).ok().and_then(|length| compressed.get(..length));
    let compressed = compressed.ok_or_else(|| not_one("it is shorter than it claims"))?;
    let mut bytes = BufReader::new(ZlibDecoder::new(compressed));
    let mut header = [0; HEADER_BYTES];
    bytes.read_exact(&mut header).map_err(|_| not_one("its header cannot be inflated"))?;
    let scale = Scale::new(&header)?;
    let mut bytes = bytes.take(number(&header[4..8]));
    counts(&mut bytes, &scale, visit)?;
    if bytes.limit() > 0 { Err(not_one("it has fewer counts than it claims")) } else { Ok(()) }
}

/// Converts an index in the list of counts to a time.
struct Scale {
    /// Buckets after which the next power of two begins.
    half: u64,
    half_log2: u32,
    /// The lowest time that is distinguished from 0, as a power of two.
    unit_log2: u32,
    /// The number of indexes.
    length: u64,
}

impl Scale {
    fn new(header: &[u8; HEADER_BYTES]) -> Result<Self, String> {
        let field = |from: usize, to: usize| number(&header[from..to]);
        let [cookie, offset, digits] =
            [field(0, 4), field(8, 12), field(12, 16)].map(|it| it as u32);
        let (lowest, highest) = (field(16, 24), field(24, 32));
        if cookie != COOKIE {
            return Err(not_one("its content is not the V2 encoding"));
        }
        if offset != 0 {
            return Err(not_one("its counts have an offset"));
        }
        if !DIGITS.contains(&digits) {
            return Err(not_one("it has 0 digits or more than 5"));
        }
        if lowest == 0 || lowest > highest / 2 {
            return Err(not_one("its bounds contradict each other"));
        }
        // Enough buckets to tell apart two times that differ in the last significant digit.
        let half_log2 = (2 * 10_u64.pow(digits)).next_power_of_two().ilog2() - 1;
        let unit_log2 = lowest.ilog2();
        if unit_log2 + half_log2 + 1 > 61 {
            return Err(not_one("its bounds contradict its digits"));
        }
        let buckets = (highest.ilog2() + 1).saturating_sub(unit_log2 + half_log2 + 1);
        let half = 1 << half_log2;
        Ok(Self { half, half_log2, unit_log2, length: (u64::from(buckets) + 2) * half })
    }

    /// The longest time of the bucket with this index, which must be below the length.
    fn time(&self, index: u64) -> u64 {
        let bucket = (index >> self.half_log2) as u32;
        let (slot, doubled) = match bucket {
            0 => (index, 0),
            _ => ((index & (self.half - 1)) + self.half, bucket - 1),
        };
        // The last buckets may extend beyond 64 bits.
        let end = u128::from(slot + 1) << (self.unit_log2 + doubled);
        u64::try_from(end - 1).unwrap_or(u64::MAX)
    }
}

/// Reads all counts. A negative one is the length of a run of zeros.
fn counts(
    bytes: &mut impl Read,
    scale: &Scale,
    visit: &mut dyn FnMut(u64, u64),
) -> Result<(), String> {
    let (mut index, mut total) = (0_u64, 0_u64);
    while let Some(count) = signed(bytes)? {
        let (taken, count) = match count {
            ..0 => (count.unsigned_abs(), 0),
            _ => (1, count as u64),
        };
        if taken > scale.length - index {
            return Err(not_one("it has more counts than its bounds allow"));
        }
        total = total.checked_add(count).ok_or("the counts of a histogram overflow")?;
        if count > 0 {
            visit(lower(scale.time(index).min(NANOSECONDS_MAX)), count);
        }
        index += taken;
    }
    Ok(())
}

/// Reads the next number in ZigZag LEB128, whose ninth byte has eight bits; `None` at the end.
fn signed(bytes: &mut impl Read) -> Result<Option<i64>, String> {
    let mut value = 0_u64;
    for position in 0..9 {
        let mut byte = [0];
        let read = bytes.read(&mut byte).map_err(|_| not_one("its counts cannot be inflated"))?;
        match (read, position) {
            (0, 0) => return Ok(None),
            (0, _) => return Err(not_one("it ends within a count")),
            _ => {}
        }
        let byte = u64::from(byte[0]);
        let has_more = byte & 0x80 != 0 && position < 8;
        value |= (if position < 8 { byte & 0x7f } else { byte }) << (7 * position);
        if !has_more {
            break;
        }
    }
    Ok(Some((value >> 1) as i64 ^ -((value & 1) as i64)))
}

/// A big-endian number of at most eight bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

fn not_one(why: &str) -> String {
    format!("this is not an HdrHistogram (V2, compressed, base64): {why}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Histogram;
    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
    use std::io::Write;

    fn compressed(bytes: &[u8], length: Option<u32>) -> String {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        let body = encoder.finish().unwrap();
        let length = length.unwrap_or(body.len() as u32);
        let head = [COMPRESSED_COOKIE.to_be_bytes(), length.to_be_bytes()].concat();
        STANDARD.encode([head, body].concat())
    }

    /// An encoding with these fields: cookie, length, offset, digits; lowest, highest.
    fn encoded(fields: [u32; 4], bounds: [u64; 2], counts: &[u8]) -> String {
        let mut bytes: Vec<u8> = fields.iter().flat_map(|it| it.to_be_bytes()).collect();
        bytes.extend(bounds.iter().flat_map(|it| it.to_be_bytes()));
        bytes.extend(1.0_f64.to_be_bytes());
        bytes.extend(counts);
        compressed(&bytes, None)
    }

    fn decoded(text: &str) -> Result<Vec<(u64, u64)>, String> {
        let mut decoded = Vec::new();
        decode(text, &mut |lower, count| decoded.push((lower, count))).map(|()| decoded)
    }

    const HOUR: [u64; 2] = [1, NANOSECONDS_MAX];

    fn header(length: u32) -> [u32; 4] {
        [COOKIE, length, 0, 3]
    }

    #[test]
    fn hostile_lengths_and_runs_are_rejected() {
        let longest = [0xff; 9];
        let minus_2_63 = longest;
        let plus_2_63 = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        for (text, words) in [
            (encoded(header(u32::MAX), HOUR, &[2]), "fewer counts than it claims"),
            (encoded(header(9), HOUR, &minus_2_63), "more counts than its bounds"),
            (encoded(header(2), HOUR, &[0xff, 0xff]), "ends within a count"),
            (encoded(header(27), HOUR, &plus_2_63.repeat(3)), "overflow"),
            (encoded([0x1c84_9303, 1, 0, 3], HOUR, &[2]), "not the V2 encoding"),
            (encoded([COOKIE, 1, 7, 3], HOUR, &[2]), "offset"),
            (encoded([COOKIE, 1, 0, 0], HOUR, &[2]), "0 digits"),
            (encoded([COOKIE, 1, 0, u32::MAX], HOUR, &[2]), "more than 5"),
            (encoded(header(1), [0, 10], &[2]), "bounds contradict"),
            (encoded(header(1), [u64::MAX, u64::MAX], &[2]), "bounds contradict"),
            (encoded(header(1), [1 << 62, u64::MAX], &[2]), "contradict its digits"),
            (compressed(&[0; 10], None), "header cannot be inflated"),
            (compressed(&[0; 40], Some(u32::MAX)), "shorter than it claims"),
            (STANDARD.encode(b"HIST"), "too short"),
            ("HISTFAAA?".into(), "not base64"),
            (STANDARD.encode([0; 64]), "does not begin with HISTF"),
        ] {
            let reason = decoded(&text).expect_err(words);
            assert!(reason.contains(words), "{words}: {reason}");
        }
    }

    #[test]
    fn other_digits_and_bounds_decode_as_in_hdrhistogram() {
        for (digits, lowest, highest) in
            [(1, 1, 2), (2, 1, 1_000), (3, 1, NANOSECONDS_MAX), (4, 100, 1 << 40), (5, 1, u64::MAX)]
        {
            let bounds = hdrhistogram::Histogram::<u64>::new_with_bounds(lowest, highest, digits);
            let mut histogram = bounds.unwrap();
            for shift in 0..40 {
                histogram.saturating_record_n(0x9e37_79b9_7f4a_7c15 >> shift, shift + 1);
            }
            let mut bytes = Vec::new();
            V2DeflateSerializer::new().serialize(&histogram, &mut bytes).unwrap();
            let ours = Histogram::decode(&STANDARD.encode(&bytes)).unwrap();
            let theirs: hdrhistogram::Histogram<u64> =
                Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
            let mut expected = Histogram::new();
            for value in theirs.iter_recorded() {
                for _ in 0..value.count_since_last_iteration() {
                    expected.record(value.value_iterated_to());
                }
            }
            assert_eq!(ours, expected, "{digits} digits from {lowest} to {highest}");
        }
    }
}
