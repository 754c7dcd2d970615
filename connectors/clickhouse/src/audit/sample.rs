//! Rows whose every byte is compared with what their records come to.

use tapeline_model::Event;

use super::Extent;
use crate::client::Store;
use crate::error::StoreError;
use crate::rows::{columns, write};

/// Rows that one look compares at most.
const MOST: usize = 512;

/// Records spread evenly over those of a window, however many come: when it is full, every
/// second one goes, and from then on half as many are taken.
#[derive(Debug)]
pub(super) struct Sample {
    stride: u64,
    seen: u64,
    /// Offsets and rows as the sink writes them.
    rows: Vec<(u64, Vec<u8>)>,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            stride: 1,
            seen: 0,
            rows: Vec::new(),
        }
    }
}

impl Sample {
    pub(super) fn offer(&mut self, extent: Extent, offset: u64, value: Option<&[u8]>) {
        let taken = self.seen.is_multiple_of(self.stride);
        self.seen += 1;
        if !taken {
            return;
        }
        let mut row = Vec::new();
        let event = Event::decode(extent.topic, value);
        let written = event.and_then(|event| write(&event, extent.partition, offset, &mut row));
        if written.is_err() {
            return;
        }
        self.rows.push((offset, row));
        if self.rows.len() == MOST {
            let mut index = 0;
            self.rows.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.stride *= 2;
        }
    }

    /// How many rows were compared, and which hold something else. Rows that are not there, or
    /// there more than once, are told elsewhere.
    pub(super) async fn compare(
        self,
        store: &Store,
        extent: Extent,
    ) -> Result<(u64, Vec<u64>), StoreError> {
        let mut differing = Vec::new();
        let mut sampled = 0;
        let mut pieces: Vec<&[(u64, Vec<u8>)]> = vec![&self.rows];
        while let Some(piece) = pieces.pop() {
            if piece.is_empty() {
                continue;
            }
            let found = stored(store, extent, piece).await?;
            let expected: Vec<u8> = piece.iter().flat_map(|(_, row)| row).copied().collect();
            if found == expected {
                sampled += piece.len() as u64;
            } else if let [(offset, row)] = piece {
                let is_once = found.len() == row.len() || !found.starts_with(row);
                if !found.is_empty() && is_once {
                    sampled += 1;
                    differing.push(*offset);
                }
            } else {
                let (first, second) = piece.split_at(piece.len() / 2);
                pieces.extend([second, first]);
            }
        }
        Ok((sampled, differing))
    }
}

/// The rows of these offsets, as the server writes them in the format that the sink uses.
async fn stored(
    store: &Store,
    extent: Extent,
    rows: &[(u64, Vec<u8>)],
) -> Result<Vec<u8>, StoreError> {
    let names: Vec<String> = columns(extent.topic)
        .iter()
        .map(|column| format!("`{}`", column.name))
        .collect();
    let offsets: Vec<String> = rows.iter().map(|(offset, _)| offset.to_string()).collect();
    let sql = format!(
        "SELECT {} FROM {} WHERE _partition = {} AND _offset IN ({}) ORDER BY _offset",
        names.join(", "),
        extent.topic.table(),
        extent.partition,
        offsets.join(", ")
    );
    let mut found = Vec::new();
    store
        .stream(&sql, &[], &[], "RowBinary", |piece| {
            found.extend_from_slice(piece);
        })
        .await?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use tapeline_schemas::topics::Topic;

    use super::*;
    use crate::testing::{FakeStore, Reply, dead_letter};

    const EXTENT: Extent = Extent {
        topic: Topic::DeadLetters,
        partition: 0,
        low: 0,
        end: 4,
    };

    fn offered(count: u64) -> Sample {
        let mut sample = Sample::default();
        for offset in 0..count {
            let mut value = Vec::new();
            dead_letter("alerts", 0, offset as i64, "sink")
                .encode(&mut value)
                .unwrap();
            sample.offer(EXTENT, offset, Some(&value));
        }
        sample
    }

    #[test]
    fn a_sample_is_spread_over_all_and_bounded() {
        let sample = offered(5000);
        assert!((MOST / 4..MOST).contains(&sample.rows.len()));
        let gaps = sample.rows.windows(2).map(|pair| pair[1].0 - pair[0].0);
        assert!(gaps.into_iter().all(|gap| gap == sample.stride));
        assert!(sample.rows.last().unwrap().0 > 4900);
    }

    #[tokio::test]
    async fn a_row_with_another_byte_is_found_among_the_others() {
        let sample = offered(4);
        let row = |offset: u64| sample.rows[offset as usize].1.clone();
        let mut wrong = row(2);
        wrong[3] ^= 1;
        let fake = FakeStore::start().await;
        let answers = [
            [row(0), row(1), wrong.clone(), row(3)].concat(),
            [row(0), row(1)].concat(),
            [wrong.clone(), row(3)].concat(),
            wrong,
            row(3),
        ];
        fake.reply("FROM deadletters", answers.map(Reply::Rows));
        let (sampled, differing) = sample.compare(&fake.store(), EXTENT).await.unwrap();
        assert_eq!((sampled, differing), (4, vec![2]));
    }

    #[tokio::test]
    async fn rows_that_are_missing_or_double_are_left_to_the_count() {
        let sample = offered(2);
        let row = |offset: u64| sample.rows[offset as usize].1.clone();
        let fake = FakeStore::start().await;
        let twice = [row(0), row(0)].concat();
        let answers = [twice.clone(), twice, Vec::new()];
        fake.reply("FROM deadletters", answers.map(Reply::Rows));
        let (sampled, differing) = sample.compare(&fake.store(), EXTENT).await.unwrap();
        assert_eq!((sampled, differing), (0, Vec::new()));
    }
}
