//! Native blocks in the form that clients with a `client_protocol_version` expect.
//!
//! The engine writes them as files have them. Newer protocols put a block's properties in front
//! of it and a byte for the kind of serialization in front of each column's data, so we must know
//! where a column ends, and for that what its type looks like.

mod shape;

use self::shape::{Cursor, Shape};
use super::exception::Exception;

/// From here on a block begins with its properties.
const WITH_BLOCK_INFO: u64 = 51_903;
/// From here on a column says how it is serialized.
const WITH_CUSTOM_SERIALIZATION: u64 = 54_454;
/// No overflow row (field 1), no bucket (field 2), end.
const BLOCK_INFO: [u8; 8] = [1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0];
const USUAL_SERIALIZATION: u8 = 0;

/// Rewrites a stream of blocks, holding one column at most.
pub(super) struct Framer {
    flags: bool,
    held: Vec<u8>,
    /// There is no use in trying again before this much is held.
    enough: usize,
    columns_left: u64,
    rows: usize,
}

impl Framer {
    /// For what this client wants of this format, if that is not what the engine writes.
    pub(super) fn wanted(format: Option<&str>, revision: u64) -> Option<Self> {
        (format == Some("Native") && revision >= WITH_BLOCK_INFO).then(|| Self {
            flags: revision >= WITH_CUSTOM_SERIALIZATION,
            held: Vec::new(),
            enough: 0,
            columns_left: 0,
            rows: 0,
        })
    }

    /// What can be sent now.
    pub(super) fn feed(&mut self, data: &[u8]) -> Result<Vec<u8>, Exception> {
        self.held.extend_from_slice(data);
        if self.held.len() < self.enough {
            return Ok(Vec::new());
        }
        self.rewrite()
    }

    /// What is left when the engine is done.
    pub(super) fn finish(&mut self) -> Result<Vec<u8>, Exception> {
        let out = self.rewrite()?;
        if self.held.is_empty() && self.columns_left == 0 {
            Ok(out)
        } else {
            Err(Exception::internal("the engine's last block is not whole"))
        }
    }

    fn rewrite(&mut self) -> Result<Vec<u8>, Exception> {
        let held = std::mem::take(&mut self.held);
        let mut out = Vec::with_capacity(held.len() + 64);
        let mut done = 0;
        while done < held.len() {
            let mut cursor = Cursor::new(&held[done..]);
            if self.step(&mut cursor, &mut out)?.is_none() {
                break;
            }
            done += cursor.at();
        }
        self.held = held[done..].to_vec();
        self.enough = 2 * self.held.len();
        Ok(out)
    }

    /// One head of a block or one column; `None` when it is not all there.
    fn step(
        &mut self,
        cursor: &mut Cursor<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Option<()>, Exception> {
        if self.columns_left == 0 {
            let (Some(columns), Some(rows)) = (cursor.number(), cursor.number()) else {
                return Ok(None);
            };
            (self.columns_left, self.rows) = (columns, rows as usize);
            out.extend_from_slice(&BLOCK_INFO);
            out.extend_from_slice(cursor.passed());
            return Ok(Some(()));
        }
        let (Some(_name), Some(kind)) = (cursor.text(), cursor.text()) else {
            return Ok(None);
        };
        let head = cursor.at();
        if self.rows > 0 {
            let kind = String::from_utf8_lossy(kind);
            let shape = Shape::read(&kind).ok_or_else(|| unknown(&kind))?;
            if shape.skip_column(cursor, self.rows).is_none() {
                return Ok(None);
            }
        }
        let (head, data) = cursor.passed().split_at(head);
        out.extend_from_slice(head);
        if self.flags {
            out.push(USUAL_SERIALIZATION);
        }
        out.extend_from_slice(data);
        self.columns_left -= 1;
        Ok(Some(()))
    }
}

fn unknown(kind: &str) -> Exception {
    Exception::unsupported(&format!(
        "the embedded store cannot send a column of type {kind} in the Native form of this client; convert it (toString, finalizeAggregation), or ask for another FORMAT"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two columns of two rows, as the engine writes them.
    const PLAIN: &[u8] = b"\x02\x02\x01n\x05UInt8\x07\x08\x01s\x06String\x01a\x02bc";
    const FRAMED: &[u8] =
        b"\x01\0\x02\xff\xff\xff\xff\0\x02\x02\x01n\x05UInt8\0\x07\x08\x01s\x06String\0\x01a\x02bc";

    fn framed(revision: u64, pieces: &[&[u8]]) -> Result<Vec<u8>, Exception> {
        let mut framer = Framer::wanted(Some("Native"), revision).unwrap();
        let mut out = Vec::new();
        for piece in pieces {
            out.extend(framer.feed(piece)?);
        }
        out.extend(framer.finish()?);
        Ok(out)
    }

    #[test]
    fn blocks_get_what_the_protocol_has_more() {
        assert_eq!(framed(54_460, &[PLAIN]).unwrap(), FRAMED);
        let twice = [PLAIN, PLAIN].concat();
        let bytes: Vec<&[u8]> = twice.chunks(1).collect();
        assert_eq!(framed(54_460, &bytes).unwrap(), [FRAMED, FRAMED].concat());
        let without_flags = framed(54_405, &[PLAIN]).unwrap();
        assert_eq!(without_flags.len(), FRAMED.len() - 2);
        assert_eq!(framed(54_460, &[]).unwrap(), b"");
    }

    #[test]
    fn others_get_what_the_engine_writes() {
        assert!(Framer::wanted(Some("Native"), 0).is_none());
        assert!(Framer::wanted(Some("JSON"), 54_460).is_none());
    }

    #[test]
    fn what_is_cut_or_unknown_is_an_error() {
        for end in 1..PLAIN.len() {
            assert!(framed(54_460, &[&PLAIN[..end]]).is_err(), "{end}");
        }
        let opaque = b"\x01\x01\x01a\x14AggregateFunction(a)\x07";
        assert_eq!(framed(54_460, &[opaque]).unwrap_err().code, 48);
    }
}
