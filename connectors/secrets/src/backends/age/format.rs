//! Files of age, version 1, for X25519 recipients. Pure.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use chacha20poly1305::aead::Aead;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce};
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};
use zeroize::Zeroizing;

use super::keys::{Bytes32, derived, keyed};

const VERSION: &str = "age-encryption.org/v1";
const X25519: &str = "X25519";
const ARMOR: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const ARMOR_END: &str = "-----END AGE ENCRYPTED FILE-----";
/// A longer line of a stanza goes on in the next.
const LINE: usize = 64;
const CHUNK: usize = 64 << 10;
const TAG: usize = 16;
const PAYLOAD_NONCE: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::backends) enum AgeError {
    /// Another kind of file.
    NotAge,
    /// Cut short or changed.
    Damaged,
    /// None of the identities is a recipient.
    WrongKey,
}

pub(in crate::backends) fn decrypt(
    file: &[u8],
    identities: &[Bytes32],
) -> Result<Zeroizing<Vec<u8>>, AgeError> {
    if file.starts_with(ARMOR.as_bytes()) {
        let bare = without_armor(file).ok_or(AgeError::Damaged)?;
        return decrypt_bare(&bare, identities);
    }
    decrypt_bare(file, identities)
}

fn decrypt_bare(file: &[u8], identities: &[Bytes32]) -> Result<Zeroizing<Vec<u8>>, AgeError> {
    let header = Header::parse(file)?;
    let mut opened = header
        .stanzas
        .iter()
        .flat_map(|stanza| identities.iter().filter_map(|key| stanza.open(key)));
    let file_key = opened.next().ok_or(AgeError::WrongKey)?;
    let mac = keyed(&*derived(&file_key, &[], b"header"), &[header.signed]);
    if header.mac != *mac {
        return Err(AgeError::Damaged);
    }
    payload(header.payload, &file_key).ok_or(AgeError::Damaged)
}

struct Header<'a> {
    stanzas: Vec<Stanza>,
    /// What the code is over.
    signed: &'a [u8],
    mac: Vec<u8>,
    payload: &'a [u8],
}

/// The key of the file, encrypted to one recipient.
struct Stanza {
    share: [u8; 32],
    body: Vec<u8>,
}

impl<'a> Header<'a> {
    fn parse(file: &'a [u8]) -> Result<Self, AgeError> {
        let mut reader = Reader { file, at: 0 };
        if reader.line() != Some(VERSION) {
            return Err(AgeError::NotAge);
        }
        let mut stanzas = Vec::new();
        loop {
            let start = reader.at;
            let line = reader.line().ok_or(AgeError::Damaged)?;
            if let Some(mac) = line.strip_prefix("--- ") {
                return Ok(Self {
                    stanzas,
                    signed: &file[..start + 3],
                    mac: STANDARD_NO_PAD.decode(mac).map_err(|_| AgeError::Damaged)?,
                    payload: &file[reader.at..],
                });
            }
            let arguments = line.strip_prefix("-> ").ok_or(AgeError::Damaged)?;
            let body = reader.body().ok_or(AgeError::Damaged)?;
            // Recipients of other kinds are none of ours.
            if let Some((X25519, share)) = arguments.split_once(' ') {
                let share = STANDARD_NO_PAD.decode(share).ok();
                let share = share.and_then(|share| share.try_into().ok());
                let share = share.ok_or(AgeError::Damaged)?;
                stanzas.push(Stanza { share, body });
            }
        }
    }
}

struct Reader<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn line(&mut self) -> Option<&'a str> {
        let rest = &self.file[self.at..];
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).ok()
    }

    /// Ends with a line that is not full.
    fn body(&mut self) -> Option<Vec<u8>> {
        let mut text = String::new();
        loop {
            let line = self.line()?;
            text += line;
            if line.len() < LINE {
                return STANDARD_NO_PAD.decode(text).ok();
            }
            if line.len() > LINE {
                return None;
            }
        }
    }
}

impl Stanza {
    fn open(&self, identity: &Bytes32) -> Option<Zeroizing<Vec<u8>>> {
        let shared = Zeroizing::new(x25519(**identity, self.share));
        if *shared == [0; 32] {
            return None;
        }
        let recipient = x25519(**identity, X25519_BASEPOINT_BYTES);
        let salt = [self.share, recipient].concat();
        let key = derived(&*shared, &salt, b"age-encryption.org/v1/X25519");
        let opened = cipher(&key).decrypt(&Nonce::default(), &*self.body).ok()?;
        let opened = Zeroizing::new(opened);
        (opened.len() == 16).then_some(opened)
    }
}

/// Chunks under a counter; the last one says that it is.
fn payload(payload: &[u8], file_key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = payload.split_at_checked(PAYLOAD_NONCE)?;
    let cipher = cipher(&derived(file_key, nonce, b"payload"));
    let mut text = Zeroizing::new(Vec::with_capacity(sealed.len()));
    let count = sealed.len().div_ceil(CHUNK + TAG);
    for (number, chunk) in sealed.chunks(CHUNK + TAG).enumerate() {
        let is_last = number + 1 == count;
        let opened = cipher.decrypt(&chunk_nonce(number, is_last), chunk).ok()?;
        let opened = Zeroizing::new(opened);
        // Only an empty file ends with an empty chunk.
        if opened.is_empty() && number > 0 {
            return None;
        }
        text.extend_from_slice(&opened);
    }
    (count > 0).then_some(text)
}

fn chunk_nonce(number: usize, is_last: bool) -> Nonce {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&(number as u64).to_be_bytes());
    nonce[11] = u8::from(is_last);
    nonce.into()
}

fn cipher(key: &Bytes32) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(key.as_slice().into())
}

fn without_armor(file: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(file).ok()?.trim_end();
    let text = text.strip_prefix(ARMOR)?.strip_suffix(ARMOR_END)?;
    STANDARD.decode(text.lines().collect::<String>()).ok()
}

#[cfg(test)]
mod tests {
    use super::super::keys::identities;
    use super::*;

    /// Made with age 1.1.1, for two recipients of which these are the identities.
    const FILE: &str = "-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBFYk9TMG1RNzl0ZHlyMGlE
ek1vYUNhdUM0Z3BkMjgwSHQyTmt3L3BMWWtRCkcreWJkcVRkR2lSRGJRakV6M2xT
SUFLY0hlZm90OGlIcTBXcFVxeHZYZG8KLT4gWDI1NTE5IEJHOTNhV3pTczc1ZkRL
TjJLN3ZmUXEwaDh4bW5PMUtWTWpST1JqclZSbnMKamhjcTI4dWZQS0NkWGtGUFVP
cnpjVk9wNElybUR3OG0vWGtFVnZCaW8xRQotLS0gTkN1blcrVnJPdXphMUswVDVU
bUVYMm9tK01yS0VqaGVweVZXb2k3cFdNRQqalTlAONjUloH2DfiAHpzTf/H6iAx/
SVM/57h6xMXjaGUHwuO/z9A3D1WYb6Ehauo/fo5KezTgJdvUH85NnxqzpQ==
-----END AGE ENCRYPTED FILE-----
";
    const TEXT: &[u8] = br#"{"password":"s3cret","port":9092}"#;
    const KEYS: [&str; 2] = [
        "AGE-SECRET-KEY-1G24KA9EVUDQS7K26MWEKYYZDG9LY35ADG5H7MH9UVLLK5VGNRPLQU9ES0R",
        "AGE-SECRET-KEY-174K8AY4ZTJ2KKMP6XCSSX4ELJZ6KAJE6AZRFGV69JGGJ2J26X8MSA86GVS",
    ];

    fn keys() -> Vec<Bytes32> {
        identities(KEYS[0]).unwrap()
    }

    #[test]
    fn a_file_of_age_opens_with_each_of_its_identities() {
        for key in KEYS {
            let opened = decrypt(FILE.as_bytes(), &identities(key).unwrap()).unwrap();
            assert_eq!(&**opened, TEXT);
        }
        let bare = without_armor(FILE.as_bytes()).unwrap();
        assert_eq!(&**decrypt(&bare, &keys()).unwrap(), TEXT);
        let other = Zeroizing::new([7; 32]);
        let wrong = decrypt(FILE.as_bytes(), std::slice::from_ref(&other));
        assert_eq!(wrong.unwrap_err(), AgeError::WrongKey);
        let both = [other, keys().remove(0)];
        assert_eq!(&**decrypt(FILE.as_bytes(), &both).unwrap(), TEXT);
        assert_eq!(decrypt(b"words\n", &keys()).unwrap_err(), AgeError::NotAge);
    }

    #[test]
    fn no_bit_can_be_changed_and_no_end_cut_off() {
        let whole = without_armor(FILE.as_bytes()).unwrap();
        for at in 0..whole.len() {
            let mut file = whole.clone();
            file[at] ^= 1;
            assert!(decrypt(&file, &keys()).is_err(), "{at}");
            assert!(decrypt(&whole[..at], &keys()).is_err(), "{at}");
        }
        assert!(decrypt(&[&whole[..], b"x"].concat(), &keys()).is_err());
    }

    /// As age does it.
    fn sealed(chunks: &[&[u8]]) -> Vec<u8> {
        let cipher = cipher(&derived(b"key", &[9; PAYLOAD_NONCE], b"payload"));
        let mut out = vec![9; PAYLOAD_NONCE];
        for (number, chunk) in chunks.iter().enumerate() {
            let nonce = chunk_nonce(number, number + 1 == chunks.len());
            out.extend(cipher.encrypt(&nonce, *chunk).unwrap());
        }
        out
    }

    #[test]
    fn chunks_follow_one_another_and_the_last_one_is_known() {
        let full = vec![1; CHUNK];
        let opened = |sealed: &[u8]| payload(sealed, b"key").map(|text| text.len());
        assert_eq!(opened(&sealed(&[b""])), Some(0));
        assert_eq!(opened(&sealed(&[&full])), Some(CHUNK));
        let two = sealed(&[&full, b"x"]);
        assert_eq!(opened(&two), Some(CHUNK + 1));
        assert_eq!(opened(&sealed(&[&full, b""])), None);
        assert_eq!(
            opened(&two[..PAYLOAD_NONCE + CHUNK + TAG]),
            None,
            "the end is missing"
        );
        assert_eq!(opened(&two[..PAYLOAD_NONCE]), None);
    }
}
