//! The few questions of the Kafka protocol that tell which broker to hit: who leads a
//! partition, which replicas are in sync, who is the active controller.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(2);
const METADATA: i16 = 3;
const DESCRIBE_QUORUM: i16 = 55;
const CORRELATION: i32 = 7;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PartitionState {
    pub(crate) leader: i32,
    pub(crate) replicas: usize,
    pub(crate) in_sync: usize,
}

/// Every partition of every topic, internal ones too, as the broker at `port` knows them.
pub(crate) fn partitions(port: u16) -> io::Result<BTreeMap<(String, i32), PartitionState>> {
    let mut request = header(METADATA, 4);
    request.extend((-1_i32).to_be_bytes());
    request.push(0);
    parse_metadata(&mut Answer::new(&ask(port, &request)?))
}

/// The number of the active controller.
pub(crate) fn controller(port: u16) -> io::Result<i32> {
    const TOPIC: &[u8] = b"__cluster_metadata";
    let mut request = header(DESCRIBE_QUORUM, 0);
    // Compact forms: lengths are one more than they say, and no tags follow.
    request.extend([0, 2, TOPIC.len() as u8 + 1]);
    request.extend(TOPIC);
    request.extend([2, 0, 0, 0, 0, 0, 0, 0]);
    parse_quorum(&mut Answer::new(&ask(port, &request)?))
}

fn header(key: i16, version: i16) -> Vec<u8> {
    let mut bytes = key.to_be_bytes().to_vec();
    bytes.extend(version.to_be_bytes());
    bytes.extend(CORRELATION.to_be_bytes());
    bytes.extend((-1_i16).to_be_bytes());
    bytes
}

fn ask(port: u16, request: &[u8]) -> io::Result<Vec<u8>> {
    let address = (Ipv4Addr::LOCALHOST, port).into();
    let mut stream = TcpStream::connect_timeout(&address, WITHIN)?;
    stream.set_read_timeout(Some(WITHIN))?;
    stream.write_all(&(request.len() as u32).to_be_bytes())?;
    stream.write_all(request)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; u32::from_be_bytes(length).min(16 << 20) as usize];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

fn parse_metadata(answer: &mut Answer<'_>) -> io::Result<BTreeMap<(String, i32), PartitionState>> {
    answer.i32()?; // correlation
    answer.i32()?; // throttled
    for _ in 0..answer.i32()? {
        answer.i32()?;
        answer.text()?;
        answer.i32()?;
        answer.text()?;
    }
    answer.text()?; // cluster
    answer.i32()?; // a broker that takes requests for the controller: not the controller
    let mut found = BTreeMap::new();
    for _ in 0..answer.i32()? {
        answer.i16()?;
        let topic = answer.text()?;
        answer.take(1)?;
        for _ in 0..answer.i32()? {
            answer.i16()?;
            let partition = answer.i32()?;
            let leader = answer.i32()?;
            let replicas = answer.count_of_i32()?;
            let in_sync = answer.count_of_i32()?;
            let state = PartitionState {
                leader,
                replicas,
                in_sync,
            };
            found.insert((topic.clone(), partition), state);
        }
    }
    Ok(found)
}

fn parse_quorum(answer: &mut Answer<'_>) -> io::Result<i32> {
    answer.i32()?; // correlation
    answer.take(1)?;
    let code = answer.i16()?;
    if code != 0 {
        return Err(io::Error::other(format!("error {code} from the quorum")));
    }
    answer.take(1)?; // topics
    let length = answer.take(1)?[0];
    answer.take(usize::from(length.saturating_sub(1)))?;
    answer.take(1)?; // partitions
    answer.i32()?;
    answer.i16()?;
    answer.i32()
}

/// Reads fields one after the other.
struct Answer<'a> {
    rest: &'a [u8],
}

impl<'a> Answer<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    fn take(&mut self, count: usize) -> io::Result<&'a [u8]> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        self.rest = rest;
        Ok(taken)
    }

    fn i16(&mut self) -> io::Result<i16> {
        let bytes = self.take(2)?;
        Ok(i16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn i32(&mut self) -> io::Result<i32> {
        let bytes = self.take(4)?;
        Ok(i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// Empty when null.
    fn text(&mut self) -> io::Result<String> {
        let length = usize::try_from(self.i16()?).unwrap_or(0);
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    fn count_of_i32(&mut self) -> io::Result<usize> {
        let count = usize::try_from(self.i32()?).unwrap_or(0);
        self.take(count * 4)?;
        Ok(count)
    }
}

/// The partition of an internal topic that holds what belongs to an id: Java's hash of it.
pub(crate) fn coordinator_partition(id: &str, partitions: i32) -> i32 {
    let hash = id.encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    });
    hash.checked_abs().unwrap_or(0) % partitions.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_hashed_as_java_does() {
        // "hello".hashCode() is 99162322.
        assert_eq!(coordinator_partition("hello", 50), 99_162_322 % 50);
        // -306754080: the absolute value counts, not the lower bits.
        assert_eq!(coordinator_partition("tapeline-market-lease", 50), 30);
        assert_eq!(coordinator_partition("", 4), 0);
    }

    #[test]
    fn an_answer_that_is_cut_off_is_an_error() {
        let mut bytes = Vec::new();
        bytes.extend(CORRELATION.to_be_bytes());
        bytes.extend(0_i32.to_be_bytes());
        assert!(parse_metadata(&mut Answer::new(&bytes)).is_err());
        assert!(parse_quorum(&mut Answer::new(&bytes[..5])).is_err());
    }

    #[test]
    fn leaders_and_replicas_are_read() {
        let mut bytes = Vec::new();
        bytes.extend(CORRELATION.to_be_bytes());
        bytes.extend(0_i32.to_be_bytes());
        bytes.extend(0_i32.to_be_bytes()); // brokers
        bytes.extend((-1_i16).to_be_bytes()); // cluster
        bytes.extend(1_i32.to_be_bytes()); // controller
        bytes.extend(1_i32.to_be_bytes()); // topics
        bytes.extend(0_i16.to_be_bytes());
        bytes.extend([0, 1, b't', 0]);
        bytes.extend(1_i32.to_be_bytes()); // partitions
        bytes.extend(0_i16.to_be_bytes());
        for number in [3_i32, 2, 3, 1, 2, 3, 2, 2, 1] {
            bytes.extend(number.to_be_bytes());
        }
        let found = parse_metadata(&mut Answer::new(&bytes)).unwrap();
        let expected = PartitionState {
            leader: 2,
            replicas: 3,
            in_sync: 2,
        };
        assert_eq!(found[&("t".to_owned(), 3)], expected);
    }
}
