//! Bodies: spooling, decoding what comes in, encoding what goes out.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use bytes::Bytes;

use super::exception::Exception;
use super::query_state::QueryState;
use super::unpack::{read_all, too_large, unzstd};

/// Bodies up to this size stay in memory.
const IN_MEMORY: usize = 4 * 1024 * 1024;

/// A request body, in memory or in a file without a name.
pub(super) struct Spool<'a> {
    dir: &'a Path,
    limit: usize,
    length: usize,
    memory: Vec<u8>,
    file: Option<File>,
}

impl<'a> Spool<'a> {
    pub(super) fn new(dir: &'a Path, limit: usize) -> Self {
        Self {
            dir,
            limit,
            length: 0,
            memory: Vec::new(),
            file: None,
        }
    }

    pub(super) fn write(&mut self, data: &[u8]) -> Result<(), Exception> {
        if self.length + data.len() > self.limit {
            return Err(too_large(self.limit));
        }
        self.length += data.len();
        if self.file.is_none() && self.memory.len() + data.len() > IN_MEMORY {
            let file = tempfile::tempfile_in(self.dir).map_err(|error| spool_failed(&error))?;
            write_all(&file, &self.memory).map_err(|error| spool_failed(&error))?;
            self.memory = Vec::new();
            self.file = Some(file);
        }
        let Some(file) = &self.file else {
            self.memory.extend_from_slice(data);
            return Ok(());
        };
        write_all(file, data).map_err(|error| spool_failed(&error))
    }

    pub(super) fn finish(self) -> Result<Body, Exception> {
        match self.file {
            None => Ok(Body::Memory(self.memory)),
            Some(mut file) => {
                file.seek(SeekFrom::Start(0))
                    .map_err(|error| spool_failed(&error))?;
                Ok(Body::File(file, self.length))
            }
        }
    }
}

/// A whole body.
pub(super) enum Body {
    Memory(Vec<u8>),
    File(File, usize),
}

impl Body {
    pub(super) fn into_bytes(self) -> Result<Vec<u8>, Exception> {
        match self {
            Self::Memory(bytes) => Ok(bytes),
            Self::File(mut file, length) => {
                let mut bytes = Vec::with_capacity(length);
                file.read_to_end(&mut bytes)
                    .map_err(|error| spool_failed(&error))?;
                Ok(bytes)
            }
        }
    }

    /// A file the engine can open by its descriptor.
    pub(super) fn into_file(self) -> Result<File, Exception> {
        match self {
            Self::File(file, _) => Ok(file),
            Self::Memory(bytes) => memory_file(&bytes),
        }
    }
}

/// A file that exists in memory only, holding `bytes`.
pub(super) fn memory_file(bytes: &[u8]) -> Result<File, Exception> {
    let fd: OwnedFd = rustix::fs::memfd_create("insert", rustix::fs::MemfdFlags::CLOEXEC)
        .map_err(|error| spool_failed(&error.into()))?;
    let file = File::from(fd);
    write_all(&file, bytes).map_err(|error| spool_failed(&error))?;
    Ok(file)
}

/// Past the engine's `write`, which would wait for space: a body can be refused.
fn write_all(file: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(file, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn spool_failed(error: &io::Error) -> Exception {
    Exception::new(
        75,
        "CANNOT_WRITE_TO_FILE_DESCRIPTOR",
        &format!("cannot keep the request body: {error}; is the disk full?"),
    )
}

/// Undoes `Content-Encoding` and `decompress=1`.
pub(super) fn decode(
    body: Body,
    encoding: &str,
    frames: bool,
    limit: usize,
    query: &QueryState,
) -> Result<Body, Exception> {
    let encoding = encoding.trim().to_ascii_lowercase();
    let body = match encoding.as_str() {
        "" | "identity" => body,
        name => {
            let mut plain = Vec::new();
            undo(name, &body.into_bytes()?, limit, &mut plain, query)?;
            Body::Memory(plain)
        }
    };
    if !frames {
        return Ok(body);
    }
    Ok(Body::Memory(super::frames::decompress(
        &body.into_bytes()?,
        limit,
        query,
    )?))
}

fn undo(
    encoding: &str,
    data: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
    query: &QueryState,
) -> Result<(), Exception> {
    match encoding {
        "gzip" | "x-gzip" => read_all(flate2::read::MultiGzDecoder::new(data), limit, out, query),
        "deflate" => read_all(flate2::read::ZlibDecoder::new(data), limit, out, query),
        "lz4" => read_all(lz4_flex::frame::FrameDecoder::new(data), limit, out, query),
        "zstd" => unzstd(data, limit, out, query),
        other => Err(Exception::unsupported(&format!(
            "Content-Encoding {other} is not supported; use gzip, deflate, lz4 or zstd"
        ))),
    }
}

/// The encodings a response can have, in the real server's order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Lz4,
    Gzip,
    Deflate,
}

impl Encoding {
    pub(super) fn choose(accepted: &str) -> Option<Self> {
        let has = |name: &str| {
            accepted
                .split(',')
                .filter_map(|item| item.split(';').next())
                .any(|item| item.trim().eq_ignore_ascii_case(name))
        };
        [
            (Self::Lz4, "lz4"),
            (Self::Gzip, "gzip"),
            (Self::Deflate, "deflate"),
        ]
        .into_iter()
        .find_map(|(encoding, name)| has(name).then_some(encoding))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Lz4 => "lz4",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }
}

/// Packs a response piece by piece.
pub(super) enum Compressor {
    Plain,
    /// ClickHouse's own blocks (`compress=1`).
    Frames,
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
    Deflate(flate2::write::ZlibEncoder<Vec<u8>>),
    Lz4(Box<lz4_flex::frame::FrameEncoder<Vec<u8>>>),
}

impl Compressor {
    pub(super) fn new(frames: bool, encoding: Option<Encoding>) -> Self {
        let level = flate2::Compression::fast();
        match encoding {
            _ if frames => Self::Frames,
            None => Self::Plain,
            Some(Encoding::Gzip) => Self::Gzip(flate2::write::GzEncoder::new(Vec::new(), level)),
            Some(Encoding::Deflate) => {
                Self::Deflate(flate2::write::ZlibEncoder::new(Vec::new(), level))
            }
            Some(Encoding::Lz4) => {
                Self::Lz4(Box::new(lz4_flex::frame::FrameEncoder::new(Vec::new())))
            }
        }
    }

    /// The Content-Encoding to announce.
    pub(super) fn name(&self) -> Option<&'static str> {
        let encoding = match self {
            Self::Plain | Self::Frames => return None,
            Self::Gzip(_) => Encoding::Gzip,
            Self::Deflate(_) => Encoding::Deflate,
            Self::Lz4(_) => Encoding::Lz4,
        };
        Some(encoding.name())
    }

    /// What can be sent now; the rest comes later. Writing into memory cannot fail.
    pub(super) fn pack(&mut self, data: Vec<u8>) -> Bytes {
        match self {
            Self::Plain => data.into(),
            Self::Frames => super::frames::compress(&data).into(),
            Self::Gzip(encoder) => {
                let _ = encoder.write_all(&data);
                std::mem::take(encoder.get_mut()).into()
            }
            Self::Deflate(encoder) => {
                let _ = encoder.write_all(&data);
                std::mem::take(encoder.get_mut()).into()
            }
            Self::Lz4(encoder) => {
                let _ = encoder.write_all(&data);
                std::mem::take(encoder.get_mut()).into()
            }
        }
    }

    pub(super) fn finish(self) -> Bytes {
        match self {
            Self::Plain | Self::Frames => Bytes::new(),
            Self::Gzip(encoder) => encoder.finish().unwrap_or_default().into(),
            Self::Deflate(encoder) => encoder.finish().unwrap_or_default().into(),
            Self::Lz4(encoder) => encoder.finish().unwrap_or_default().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    fn pack(encoding: Encoding, data: &[u8]) -> Vec<u8> {
        let mut compressor = Compressor::new(false, Some(encoding));
        let mut packed: Vec<u8> = data
            .chunks(1000)
            .flat_map(|piece| compressor.pack(piece.to_vec()))
            .collect();
        packed.extend(compressor.finish());
        packed
    }

    #[test]
    fn every_encoding_comes_back() {
        let data = b"some text, some text, some text".repeat(100);
        for encoding in [Encoding::Lz4, Encoding::Gzip, Encoding::Deflate] {
            let packed = Body::Memory(pack(encoding, &data));
            let plain = decode(
                packed,
                encoding.name(),
                false,
                data.len(),
                &QueryState::default(),
            )
            .unwrap();
            assert_eq!(plain.into_bytes().unwrap(), data, "{}", encoding.name());
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_unpacked() {
        let packed = pack(Encoding::Gzip, &vec![0; 1 << 20]);
        let refused = decode(
            Body::Memory(packed),
            "gzip",
            false,
            1000,
            &QueryState::default(),
        );
        assert_eq!(refused.err().unwrap().code, 229);
    }

    #[test]
    fn nothing_is_unpacked_for_a_client_that_has_gone() {
        let query = QueryState::default();
        query.abandoned.store(true, Ordering::SeqCst);
        let packed = pack(Encoding::Gzip, b"text");
        let refused = decode(Body::Memory(packed), "gzip", false, 1000, &query);
        assert_eq!(refused.err().unwrap().code, 394);
        let packed = super::super::frames::compress(b"text");
        let refused = decode(Body::Memory(packed), "", true, 1000, &query);
        assert_eq!(refused.err().unwrap().code, 394);
    }

    #[test]
    fn large_bodies_go_to_a_file_and_too_large_ones_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(dir.path(), 2 * IN_MEMORY);
        spool.write(&vec![1; IN_MEMORY]).unwrap();
        spool.write(b"tail").unwrap();
        assert_eq!(spool.write(&vec![2; IN_MEMORY]).unwrap_err().code, 229);
        let body = spool.finish().unwrap();
        assert!(matches!(body, Body::File(_, length) if length == IN_MEMORY + 4));
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            0,
            "the file has no name"
        );
        assert!(body.into_bytes().unwrap().ends_with(b"tail"));
    }

    #[test]
    fn the_preferred_encoding_wins() {
        assert_eq!(Encoding::choose("gzip, deflate, lz4"), Some(Encoding::Lz4));
        assert_eq!(Encoding::choose("br, GZIP;q=0.5"), Some(Encoding::Gzip));
        assert_eq!(Encoding::choose("br"), None);
    }
}
