//! Decrypts a document and checks that it is as SOPS left it. Pure.

use aes_gcm::aead::consts::U32;
use aes_gcm::aead::{Aead, Payload};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, KeyInit, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use super::error::SopsError;
use super::metadata::{self, Metadata};
use super::tree::{Leaf, Node, Opened};
use crate::backends::age::{self, Bytes32};

/// A code over encrypted values alone begins with this, so that it is never one over all.
const OF_ENCRYPTED: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b,
    0x0b, 0x97, 0x5b, 0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];
const IV: usize = 32;
const COMMENT: &str = "comment";

pub(super) fn open(mut tree: Node, identities: &[Bytes32]) -> Result<Opened, SopsError> {
    let metadata = metadata::take(&mut tree)?;
    let key = data_key(&metadata.keys, identities)?;
    let mut hash = Sha512::new();
    if metadata.is_mac_of_encrypted {
        hash.update(OF_ENCRYPTED);
    }
    let mut opening = Opening {
        cipher: Cipher::new(key.as_slice().into()),
        hash,
        is_mac_of_encrypted: metadata.is_mac_of_encrypted,
    };
    opening.node(&mut tree, &mut String::new())?;
    opening.check(&metadata)?;
    Ok(Opened {
        tree,
        vouches_for_all: !metadata.is_mac_of_encrypted,
    })
}

fn data_key(keys: &[String], identities: &[Bytes32]) -> Result<Bytes32, SopsError> {
    let mut broken = SopsError::WrongKey;
    for key in keys {
        match age::open(key.as_bytes(), identities) {
            Ok(opened) => {
                let key = <[u8; 32]>::try_from(opened.as_slice());
                return key.map(Zeroizing::new).map_err(|_| SopsError::Damaged);
            }
            Err(age::AgeError::WrongKey) => {}
            Err(age::AgeError::NotAge | age::AgeError::Damaged) => broken = SopsError::Damaged,
        }
    }
    Err(broken)
}

type Cipher = AesGcm<Aes256, U32>;

struct Opening {
    cipher: Cipher,
    hash: Sha512,
    is_mac_of_encrypted: bool,
}

impl Opening {
    /// `path` are the keys that lead here, each with a `:` after it.
    fn node(&mut self, node: &mut Node, path: &mut String) -> Result<(), SopsError> {
        match node {
            Node::Map(entries) => entries.iter_mut().try_for_each(|(key, node)| {
                let length = path.len();
                path.push_str(key);
                path.push(':');
                self.node(node, path)?;
                path.truncate(length);
                Ok(())
            }),
            Node::List(items) => self.list(items, path),
            Node::Leaf(leaf) => self.leaf(leaf, path).map(|_| ()),
            Node::Nothing => Ok(()),
        }
    }

    /// Comments of a list stand among its items.
    fn list(&mut self, items: &mut Vec<Node>, path: &mut String) -> Result<(), SopsError> {
        let mut kept = Vec::with_capacity(items.len());
        for mut item in items.drain(..) {
            let is_comment = match &mut item {
                Node::Leaf(leaf) => self.leaf(leaf, path)? == Kind::Comment,
                other => {
                    self.node(other, path)?;
                    false
                }
            };
            if !is_comment {
                kept.push(item);
            }
        }
        *items = kept;
        Ok(())
    }

    fn leaf(&mut self, leaf: &mut Leaf, path: &str) -> Result<Kind, SopsError> {
        let sealed = Sealed::parse(&leaf.text).filter(|_| leaf.is_text);
        let Some(sealed) = sealed else {
            if !self.is_mac_of_encrypted {
                self.hash.update(leaf.text.as_bytes());
            }
            readable(&mut leaf.text, leaf.is_text);
            return Ok(Kind::Value);
        };
        let text = sealed.open(&self.cipher, path).ok_or(SopsError::Damaged)?;
        if sealed.kind == COMMENT {
            return Ok(Kind::Comment);
        }
        self.hash.update(text.as_bytes());
        let is_text = sealed.kind != "bool";
        leaf.text = text;
        leaf.is_vouched = true;
        readable(&mut leaf.text, is_text);
        Ok(Kind::Value)
    }

    fn check(self, metadata: &Metadata) -> Result<(), SopsError> {
        let sealed = Sealed::parse(&metadata.mac).ok_or(SopsError::Damaged)?;
        let mac = sealed.open(&self.cipher, &metadata.modified);
        let expected = format!("{:X}", self.hash.finalize());
        match mac {
            Some(mac) if *mac == expected => Ok(()),
            _ => Err(SopsError::Damaged),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Value,
    Comment,
}

/// Truth values are counted in one way and read in another.
fn readable(text: &mut Zeroizing<String>, is_text: bool) {
    if !is_text && matches!(text.as_str(), "True" | "False") {
        text.make_ascii_lowercase();
    }
}

/// `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`
struct Sealed<'a> {
    /// With its tag.
    data: Vec<u8>,
    iv: [u8; IV],
    kind: &'a str,
}

impl<'a> Sealed<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let rest = text
            .strip_prefix("ENC[AES256_GCM,data:")?
            .strip_suffix(']')?;
        let (data, rest) = rest.split_once(",iv:")?;
        let (iv, rest) = rest.split_once(",tag:")?;
        let (tag, kind) = rest.split_once(",type:")?;
        let mut data = STANDARD.decode(data).ok()?;
        data.extend(STANDARD.decode(tag).ok().filter(|tag| tag.len() == 16)?);
        let iv = STANDARD.decode(iv).ok()?.try_into().ok()?;
        Some(Self { data, iv, kind })
    }

    fn open(&self, cipher: &Cipher, about: &str) -> Option<Zeroizing<String>> {
        let payload = Payload {
            msg: &self.data,
            aad: about.as_bytes(),
        };
        let nonce = Nonce::<U32>::from(self.iv);
        let opened = Zeroizing::new(cipher.decrypt(&nonce, payload).ok()?);
        let text = std::str::from_utf8(&opened).ok()?;
        Some(Zeroizing::new(text.to_owned()))
    }
}
