//! Unpacks compressed data up to a limit, as long as the client waits for it.

use std::io::Read;

use super::exception::Exception;
use super::query_state::QueryState;

/// What is unpacked at once.
const PIECE: u64 = 1024 * 1024;

/// Appends what a zstd stream holds, up to `limit` bytes in `out`.
pub(super) fn unzstd(
    data: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
    query: &QueryState,
) -> Result<(), Exception> {
    let mut rest = data;
    while !rest.is_empty() {
        let mut source = rest;
        let decoder = ruzstd::decoding::StreamingDecoder::new(&mut source)
            .map_err(|error| undecodable(&error.to_string()))?;
        read_all(decoder, limit, out, query)?;
        rest = source;
    }
    Ok(())
}

/// Piece by piece, so that it ends soon after the client has gone.
pub(super) fn read_all(
    mut source: impl Read,
    limit: usize,
    out: &mut Vec<u8>,
    query: &QueryState,
) -> Result<(), Exception> {
    loop {
        query.check_abandoned()?;
        let read = source
            .by_ref()
            .take(PIECE)
            .read_to_end(out)
            .map_err(|error| undecodable(&error.to_string()))?;
        if out.len() > limit {
            return Err(too_large(limit));
        }
        if read == 0 {
            return Ok(());
        }
    }
}

fn undecodable(reason: &str) -> Exception {
    Exception::new(
        271,
        "CANNOT_DECOMPRESS",
        &format!("Cannot decompress the request body: {reason}"),
    )
}

pub(super) fn too_large(limit: usize) -> Exception {
    Exception::new(
        229,
        "QUERY_IS_TOO_LARGE",
        &format!(
            "the request body is larger than {} MiB; send smaller batches",
            limit / (1024 * 1024)
        ),
    )
}
