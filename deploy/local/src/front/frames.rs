//! ClickHouse's own compressed blocks (`compress=1`, `decompress=1`).
//!
//! A block is a 16-byte CityHash128 (version 1.0.2, halves swapped) of all that follows: the
//! method, the compressed size including this 9-byte header, the plain size, the data.

use cityhash_rs::cityhash_102_128;

use super::exception::Exception;
use super::query_state::QueryState;
use super::unpack::unzstd;

const CHECKSUM: usize = 16;
const HEADER: usize = 9;
const METHOD_NONE: u8 = 0x02;
const METHOD_LZ4: u8 = 0x82;
const METHOD_ZSTD: u8 = 0x90;
/// What one block of a response holds, and the most a block of a request may claim.
const BLOCK: usize = 1024 * 1024;
const LARGEST_BLOCK: usize = 64 * 1024 * 1024;

/// Compresses a response; nothing in is nothing out.
pub(super) fn compress(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() / 2 + CHECKSUM + HEADER);
    for block in data.chunks(BLOCK) {
        let packed = lz4_flex::block::compress(block);
        let start = out.len();
        out.extend_from_slice(&[0; CHECKSUM]);
        out.push(METHOD_LZ4);
        out.extend_from_slice(&((packed.len() + HEADER) as u32).to_le_bytes());
        out.extend_from_slice(&(block.len() as u32).to_le_bytes());
        out.extend_from_slice(&packed);
        let sum = checksum(&out[start + CHECKSUM..]);
        out[start..start + CHECKSUM].copy_from_slice(&sum);
    }
    out
}

fn checksum(data: &[u8]) -> [u8; CHECKSUM] {
    cityhash_102_128(data).rotate_right(64).to_le_bytes()
}

/// Decompresses a request of at most `limit` plain bytes.
pub(super) fn decompress(
    mut input: &[u8],
    limit: usize,
    query: &QueryState,
) -> Result<Vec<u8>, Exception> {
    let mut out = Vec::new();
    while !input.is_empty() {
        query.check_abandoned()?;
        let (block, rest) = split_block(input)?;
        let plain = u32_at(block, CHECKSUM + 5) as usize;
        if plain > LARGEST_BLOCK || out.len() + plain > limit {
            return Err(Exception::new(
                131,
                "TOO_LARGE_STRING_SIZE",
                &format!(
                    "a compressed block claims {plain} bytes; one may hold {LARGEST_BLOCK} and the request {limit}, send smaller batches"
                ),
            ));
        }
        let data = &block[CHECKSUM + HEADER..];
        unpack(block[CHECKSUM], data, plain, &mut out, query)?;
        input = rest;
    }
    Ok(out)
}

fn split_block(input: &[u8]) -> Result<(&[u8], &[u8]), Exception> {
    let cut = || {
        Exception::new(
            32,
            "ATTEMPT_TO_READ_AFTER_EOF",
            "the compressed body ends inside a block",
        )
    };
    if input.len() < CHECKSUM + HEADER {
        return Err(cut());
    }
    let size = u32_at(input, CHECKSUM + 1) as usize;
    if size < HEADER {
        return Err(corrupt("a block is smaller than its header"));
    }
    let end = CHECKSUM.checked_add(size).ok_or_else(cut)?;
    if input.len() < end {
        return Err(cut());
    }
    let (block, rest) = input.split_at(end);
    if block[..CHECKSUM] != checksum(&block[CHECKSUM..]) {
        return Err(Exception::new(
            40,
            "CHECKSUM_DOESNT_MATCH",
            "Checksum doesn't match: corrupted data in a compressed block",
        ));
    }
    Ok((block, rest))
}

fn unpack(
    method: u8,
    data: &[u8],
    plain: usize,
    out: &mut Vec<u8>,
    query: &QueryState,
) -> Result<(), Exception> {
    let start = out.len();
    match method {
        METHOD_NONE => out.extend_from_slice(data),
        METHOD_LZ4 => {
            out.resize(start + plain, 0);
            let written = lz4_flex::block::decompress_into(data, &mut out[start..])
                .map_err(|error| corrupt(&error.to_string()))?;
            out.truncate(start + written);
        }
        METHOD_ZSTD => unzstd(data, start + plain, out, query)?,
        other => {
            return Err(Exception::new(
                89,
                "UNKNOWN_COMPRESSION_METHOD",
                &format!("Unknown compression method {other:#04x}; use LZ4, ZSTD or none"),
            ));
        }
    }
    if out.len() == start + plain {
        Ok(())
    } else {
        Err(corrupt("a block does not unpack to the size it claims"))
    }
}

fn corrupt(what: &str) -> Exception {
    Exception::new(
        271,
        "CANNOT_DECOMPRESS",
        &format!("Cannot decompress: {what}"),
    )
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unpacked(packed: &[u8], limit: usize) -> Result<Vec<u8>, Exception> {
        decompress(packed, limit, &QueryState::default())
    }

    #[test]
    fn large_bodies_are_several_blocks() {
        let data = vec![7; 3 * BLOCK + 5];
        let packed = compress(&data);
        assert_eq!(unpacked(&packed, data.len()).unwrap(), data);
        assert!(unpacked(&packed, data.len() - 1).is_err());
    }

    #[test]
    fn a_block_that_lies_about_its_size_allocates_nothing() {
        let mut block = compress(b"hello");
        block[21..25].copy_from_slice(&u32::MAX.to_le_bytes());
        let sum = checksum(&block[16..]);
        block[..16].copy_from_slice(&sum);
        assert_eq!(unpacked(&block, usize::MAX).unwrap_err().code, 131);
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(data in proptest::collection::vec(any::<u8>(), 0..5000)) {
            prop_assert_eq!(unpacked(&compress(&data), 5000).unwrap(), data);
        }

        #[test]
        fn one_flipped_bit_is_noticed(data in proptest::collection::vec(any::<u8>(), 1..500), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let mut packed = compress(&data);
            let at = at.index(packed.len());
            packed[at] ^= 1_u8 << bit;
            prop_assert!(unpacked(&packed, 5000).is_err());
        }

        #[test]
        fn noise_is_refused(data in proptest::collection::vec(any::<u8>(), 1..500)) {
            prop_assert!(unpacked(&data, 5000).is_err());
        }
    }
}
