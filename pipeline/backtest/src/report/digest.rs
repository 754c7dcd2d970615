use sha2::{Digest as _, Sha256};
use tapeline_model::Event;
use tapeline_schemas::codec::EncodeError;

/// SHA-256 over records as their topics would hold them, in order.
#[derive(Default)]
pub struct Digest {
    hash: Sha256,
    bytes: Vec<u8>,
}

impl Digest {
    pub fn take(&mut self, event: &Event<'_>) -> Result<(), EncodeError> {
        event.encode(&mut self.bytes)?;
        let topic = event.topic().name();
        // Lengths come first, so that no two different runs share their bytes.
        for bytes in [topic.as_bytes(), &self.bytes] {
            self.hash.update((bytes.len() as u64).to_be_bytes());
            self.hash.update(bytes);
        }
        Ok(())
    }

    /// In hexadecimal digits.
    pub fn finish(self) -> String {
        hex::encode(self.hash.finalize())
    }
}
