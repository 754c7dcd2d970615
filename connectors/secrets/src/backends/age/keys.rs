//! Identities as age writes them, and keys made of keys.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

const PREFIX: &str = "age-secret-key-";
const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const CHECKSUM: usize = 6;

pub(in crate::backends) type Bytes32 = Zeroizing<[u8; 32]>;

/// The secret keys of a text as `age-keygen` writes it: a line each, and comments.
/// Nothing if a line is neither.
pub(super) fn identities(text: &str) -> Option<Vec<Bytes32>> {
    let lines = text.lines().map(str::trim);
    let keys = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys: Vec<Bytes32> = keys.map(identity).collect::<Option<_>>()?;
    (!keys.is_empty()).then_some(keys)
}

/// In Bech32.
fn identity(text: &str) -> Option<Bytes32> {
    let text = Zeroizing::new(text.to_ascii_lowercase());
    let data = text.strip_prefix(PREFIX)?.strip_prefix('1')?;
    let digit = |byte: u8| ALPHABET.iter().position(|known| *known == byte);
    let digits: Option<Vec<u8>> = data.bytes().map(|b| digit(b).map(|d| d as u8)).collect();
    let digits = Zeroizing::new(digits?);
    let prefix = PREFIX.bytes();
    let checked = prefix
        .clone()
        .map(|b| b >> 5)
        .chain([0])
        .chain(prefix.map(|b| b & 31))
        .chain(digits.iter().copied());
    if polymod(checked) != 1 {
        return None;
    }
    from_digits(digits.get(..digits.len().checked_sub(CHECKSUM)?)?)
}

fn polymod(values: impl Iterator<Item = u8>) -> u32 {
    const GENERATOR: [u32; 5] = [
        0x3b6a_57b2,
        0x2650_8e6d,
        0x1ea1_19fa,
        0x3d42_33dd,
        0x2a14_62b3,
    ];
    values.fold(1, |sum, value| {
        let next = (sum & 0x01ff_ffff) << 5 ^ u32::from(value);
        let set = GENERATOR.iter().enumerate();
        set.fold(next, |next, (bit, generator)| {
            if sum >> 25 >> bit & 1 == 1 {
                next ^ generator
            } else {
                next
            }
        })
    })
}

/// Five bits a digit; 52 of them are 32 bytes and four bits of zero.
fn from_digits(digits: &[u8]) -> Option<Bytes32> {
    if digits.len() != 52 || digits[51] & 15 != 0 {
        return None;
    }
    let mut key = Zeroizing::new([0; 32]);
    for (at, byte) in key.iter_mut().enumerate() {
        for bit in at * 8..at * 8 + 8 {
            *byte = *byte << 1 | digits[bit / 5] >> (4 - bit % 5) & 1;
        }
    }
    Some(key)
}

/// HKDF-SHA-256, one block.
pub(super) fn derived(key: &[u8], salt: &[u8], info: &[u8]) -> Bytes32 {
    let extracted = keyed(salt, &[key]);
    keyed(&*extracted, &[info, &[1]])
}

pub(super) fn keyed(key: &[u8], parts: &[&[u8]]) -> Bytes32 {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Zeroizing::new([0; 32]);
    };
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AGE-SECRET-KEY-1G24KA9EVUDQS7K26MWEKYYZDG9LY35ADG5H7MH9UVLLK5VGNRPLQU9ES0R";

    #[test]
    fn an_identity_is_read_and_a_mistyped_one_is_not() {
        let file = format!("# created: today\n\n{KEY}\n");
        assert_eq!(identities(&file).unwrap().len(), 1);
        assert_eq!(identities(&format!("{KEY}\n{KEY}")).unwrap().len(), 2);
        assert!(identities("").is_none());
        assert!(identities("# only words").is_none());
        assert!(identities("AGE-SECRET-KEY-1").is_none());
        for at in 16..KEY.len() {
            let mut other = KEY.to_owned();
            let letter = if &KEY[at..=at] == "Q" { "P" } else { "Q" };
            other.replace_range(at..=at, letter);
            assert!(identities(&other).is_none(), "{at}");
        }
    }

    /// RFC 5869, the first test case, of which this is the first block.
    #[test]
    fn keys_are_derived_as_published() {
        let salt: Vec<u8> = (0..=12).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let key = derived(&[0x0b; 22], &salt, &info);
        let start = [0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a];
        assert_eq!(key[..8], start);
    }
}
