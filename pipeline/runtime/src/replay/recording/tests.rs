//! Recordings in memory: as they were written, and as somebody left them.

use std::convert::Infallible;

use proptest::prelude::*;
use tapeline_model::records::Journal;
use tapeline_processors::market::Market;
use tapeline_processors::{Processor, Share};
use tapeline_schemas::codec;

use super::*;
use crate::changelog;
use crate::replay::tests::{Memory, Recording, record};
use crate::replay::{Range, RecordedInput, ReplayError};

const JOURNAL: &str = "tapeline.market.journal";
const SNAPSHOTS: &str = "tapeline.market.snapshots";

impl From<Infallible> for ReplayError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

fn put_task(writer: &mut Writer<Vec<u8>>, task: u32, recording: &Recording, after: i64) {
    let mut inputs = recording.inputs.clone();
    writer.task(JOURNAL, task, after).unwrap();
    for (offset, (key, value)) in recording
        .snapshots
        .get(&after)
        .into_iter()
        .flatten()
        .enumerate()
    {
        let (offset, key) = (offset as u64, changelog::snapshot_key(after, key));
        let (key, value) = (Some(key.as_slice()), Some(value.as_slice()));
        let entry = RecordedInput { offset, key, value };
        writer.snapshot(SNAPSHOTS, task, entry).unwrap();
    }
    for journal in recording.journal.iter().filter(|j| j.transaction > after) {
        let mut value = Vec::new();
        codec::encode(journal, &mut value).unwrap();
        let record = RecordedInput {
            offset: 2 * journal.transaction as u64,
            key: Some(&journal.transaction.to_be_bytes()),
            value: Some(&value),
        };
        writer
            .transaction(JOURNAL, task, record, journal, &mut inputs)
            .unwrap();
    }
}

fn head() -> Head {
    Head::new("market", 3, "ab12")
}

fn saved(recording: &Recording, after: i64) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &head()).unwrap();
    put_task(&mut writer, 0, recording, after);
    writer.finish().unwrap().0
}

fn make(_: Share) -> Box<dyn Processor> {
    Box::new(Market::default())
}

fn play_range(file: &[u8], task: Option<u32>, range: Range) -> Result<Played, ReplayError> {
    let mut reader = Reader::new(file)?;
    replay(&mut reader, &make, task, range, &mut |_, _| {})
}

fn play(file: &[u8]) -> Result<Played, ReplayError> {
    play_range(file, None, Range::default())
}

/// Transactions done again and what differs of them; the file has no fault.
fn sound(file: &[u8]) -> (u64, Vec<(i64, String)>) {
    let played = play(file).unwrap();
    assert!(played.fault.is_none(), "{played:?}");
    let reports = played.reports.iter();
    let shown = reports.clone().flat_map(|report| &report.shown);
    (
        reports.map(|report| report.transactions).sum(),
        shown.map(|d| (d.transaction, d.what.clone())).collect(),
    )
}

/// Nobody may take this for a sound replay.
fn is_found(file: &[u8]) -> bool {
    match play(file) {
        Ok(played) => {
            played.fault.is_some() || played.reports.iter().any(|report| report.differences > 0)
        }
        Err(_) => true,
    }
}

fn position(file: &[u8], what: &[u8]) -> usize {
    file.windows(what.len()).position(|at| at == what).unwrap()
}

#[test]
fn what_was_saved_comes_out_again() {
    let recording = record(12, 10, 5);
    for (after, transactions) in [(0, 12), (5, 7), (10, 2)] {
        let file = saved(&recording, after);
        assert_eq!(sound(&file), (transactions, vec![]), "after {after}");
        let mut reader = Reader::new(file.as_slice()).unwrap();
        reader.check(|what| panic!("{what}")).unwrap();
        assert_eq!(reader.head(), &head());
        let [task] = reader.contents().tasks.as_slice() else {
            panic!("{:?}", reader.contents());
        };
        assert_eq!((task.from, task.to), (after + 1, 12));
        assert_eq!(task.inputs["market.quotes"], 10 * transactions);
        assert_eq!(task.state_entries > 0, after > 0);
    }
}

#[test]
fn tasks_stand_one_behind_the_other_and_may_be_chosen() {
    let mut writer = Writer::new(Vec::new(), &head()).unwrap();
    put_task(&mut writer, 0, &record(3, 4, 100), 0);
    writer.task(JOURNAL, 1, 0).unwrap();
    put_task(&mut writer, 2, &record(12, 10, 5), 10);
    let (file, contents) = writer.finish().unwrap();
    let tasks: Vec<_> = contents
        .tasks
        .iter()
        .map(|t| (t.task, t.transactions))
        .collect();
    assert_eq!(tasks, [(0, 3), (1, 0), (2, 2)]);
    assert_eq!(sound(&file), (5, vec![]));

    let range = |from, to| Range { from, to };
    let played = play_range(&file, Some(2), range(Some(12), None)).unwrap();
    let [report] = played.reports.as_slice() else {
        panic!("{played:?}");
    };
    assert_eq!((report.task, report.from, report.to), (2, 11, 12));
    let played = play_range(&file, Some(0), range(None, Some(2))).unwrap();
    assert_eq!(
        (played.reports[0].to, played.reports[0].differences),
        (2, 0)
    );

    let error = play_range(&file, Some(2), range(Some(7), None)).unwrap_err();
    assert!(
        error.to_string().contains("begins with transaction 11"),
        "{error}"
    );
    let error = play_range(&file, Some(9), range(None, None)).unwrap_err();
    assert!(
        error.to_string().contains("it holds tasks [0, 1, 2]"),
        "{error}"
    );
}

#[test]
fn any_avro_reader_reads_it() {
    use apache_avro::types::Value;
    let recording = record(3, 4, 100);
    let file = saved(&recording, 0);
    let reader = apache_avro::Reader::new(file.as_slice()).unwrap();
    let meta = reader.user_metadata();
    assert_eq!(meta["tapeline.processor"], b"market");
    assert_eq!(meta["tapeline.config_hash"], b"ab12");
    assert_eq!(meta["tapeline.tasks"], b"3");
    let kinds: Vec<String> = reader
        .map(|record| match record.unwrap() {
            Value::Record(fields) => match &fields[0] {
                (name, Value::Enum(_, kind)) if name == "kind" => kind.clone(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        })
        .collect();
    let transaction = ["JOURNAL", "INPUT", "INPUT", "INPUT", "INPUT"];
    let expected = [
        &["TASK"][..],
        &transaction,
        &transaction,
        &transaction,
        &["END"],
    ]
    .concat();
    assert_eq!(kinds, expected);
}

#[test]
fn a_changed_byte_of_an_input_is_told_with_its_place_and_its_transaction() {
    let recording = record(6, 10, 100);
    let mut file = saved(&recording, 0);
    // The price of offset 45, which the fourth transaction read.
    let value = recording.inputs.0[&45].as_slice();
    let at = position(&file, value) + value.len() / 2;
    file[at] ^= 1;
    let (transactions, found) = sound(&file);
    assert_eq!(transactions, 6, "the rest is done all the same");
    assert_eq!(
        found[0],
        (
            4,
            "market.quotes[0] offset 45 is not what was exported: its checksum differs (record 36 of the file)"
                .to_owned()
        )
    );
}

#[test]
fn a_changed_byte_of_the_journal_is_told() {
    let recording = record(6, 10, 100);
    let file = saved(&recording, 0);
    let hash = position(&file, &recording.journal[2].output_hash);
    let mut touched = file.clone();
    touched[hash + 7] ^= 0x40;
    let (transactions, found) = sound(&touched);
    assert_eq!(transactions, 6);
    let [(3, what)] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert!(
        what.starts_with("tapeline.market.journal[0] offset 6 is not"),
        "{what}"
    );
    // A journal record that cannot even be decoded leaves out its transaction.
    let mut value = Vec::new();
    codec::encode(&recording.journal[2], &mut value).unwrap();
    let mut touched = file;
    let at = position(&touched, &value);
    touched[at] ^= 0x40;
    let (transactions, found) = sound(&touched);
    assert_eq!(transactions, 6);
    assert!(found[0].0 == 3 && found[0].1.contains("tapeline.market.journal[0] offset 6"));
}

#[test]
fn no_flipped_byte_passes_and_none_panics() {
    let recording = record(4, 4, 2);
    for after in [0, 2] {
        let file = saved(&recording, after);
        assert!(!is_found(&file));
        for at in 0..file.len() {
            let flips = (0..8).map(|bit| 1 << bit).chain([0xff]);
            for flip in flips {
                let mut touched = file.clone();
                touched[at] ^= flip;
                assert!(
                    is_found(&touched),
                    "byte {at} of {} ^ {flip:#x}",
                    file.len()
                );
            }
        }
    }
}

#[test]
fn a_file_that_was_cut_off_says_so() {
    let recording = record(4, 4, 2);
    let file = saved(&recording, 0);
    for length in 0..file.len() {
        assert!(is_found(&file[..length]), "{length} of {}", file.len());
    }
    // Nothing of a block is believed before its end was seen.
    let many = saved(&record(400, 10, 1000), 0);
    let played = play(&many[..many.len() - 1000]).unwrap();
    let fault = played.fault.unwrap().to_string();
    let report = &played.reports[0];
    assert!(
        report.transactions > 100 && report.differences == 0,
        "{report:?}"
    );
    assert!(
        fault.contains("the last transaction is incomplete")
            && fault.contains(&format!("transaction {} of task 0", report.to + 1)),
        "{fault} {report:?}"
    );
    let longer = [file.as_slice(), &[0]].concat();
    assert!(is_found(&longer));
}

/// A block of this content behind a right header.
fn with_block(count: i64, size: i64, content: &[u8]) -> Vec<u8> {
    let zigzag = |value: i64, out: &mut Vec<u8>| {
        let mut left = ((value << 1) ^ (value >> 63)) as u64;
        while left > 0x7f {
            out.push(left as u8 | 0x80);
            left >>= 7;
        }
        out.push(left as u8);
    };
    let mut file = head().bytes().unwrap();
    zigzag(count, &mut file);
    zigzag(size, &mut file);
    file.extend_from_slice(content);
    file.extend_from_slice(&head().sync_marker());
    file
}

#[test]
fn a_length_that_lies_costs_nothing() {
    const HUGE: i64 = 1 << 60;
    // TASK, topic of length 2^60.
    let long_topic = [0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20];
    // TASK, topic "", partition 0, offset 0, no key, a value of length 2^60.
    let long_value = [
        0, 0, 0, 0, 0, 2, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20,
    ];
    let files = [
        with_block(1, HUGE, &[]),
        with_block(HUGE, 10, &[0; 10]),
        with_block(-1, 10, &[0; 10]),
        with_block(1, -10, &[0; 10]),
        with_block(0, 0, &[]),
        with_block(1, 10, &long_topic),
        with_block(1, 15, &long_value),
        with_block(1, 100_000_000, &[0; 10]),
    ];
    for file in files {
        let played = play(&file).unwrap();
        assert!(played.fault.is_some(), "{played:?}");
    }
}

#[test]
fn numbers_beyond_all_reason_do_not_panic() {
    let mut recording = record(3, 4, 100);
    for number in [i64::MAX, i64::MIN, -1, 0] {
        recording.journal[1].transaction = number;
        recording.journal[1].sealed_at = tapeline_model::Micros(number);
        recording.journal[1].steps[0].now = tapeline_model::Micros(number);
        assert!(
            is_found(&saved(&recording, number.clamp(-2, 0))),
            "{number}"
        );
    }
    let mut writer = Writer::new(Vec::new(), &head()).unwrap();
    put_task(&mut writer, u32::MAX, &recording, 0);
    assert!(is_found(&writer.finish().unwrap().0));
}

#[test]
fn inputs_that_are_gone_cannot_be_saved() {
    let mut recording = record(3, 4, 100);
    recording.inputs.0.remove(&7);
    let mut writer = Writer::new(Vec::new(), &head()).unwrap();
    let journal: &Journal = &recording.journal[1];
    let record = RecordedInput {
        offset: 0,
        key: None,
        value: None,
    };
    let mut inputs: Memory = recording.inputs.clone();
    let error = writer
        .transaction(JOURNAL, 0, record, journal, &mut inputs)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("market.quotes[0] holds 3 of 4 records") && error.contains("transaction 2"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn no_bytes_panic(begin in any::<bool>(), bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut file = if begin { head().bytes().unwrap() } else { Vec::new() };
        file.extend_from_slice(&bytes);
        prop_assert!(is_found(&file));
        let sized = with_block(1 + bytes.len() as i64 / 10, bytes.len() as i64, &bytes);
        prop_assert!(is_found(&sized));
    }

    #[test]
    fn no_patchwork_of_a_recording_passes(from in 0.0..1.0, length in 0.0..0.5, to in 0.0..1.0) {
        let file = saved(&record(4, 4, 2), 0);
        let at = |share: f64| (file.len() as f64 * share) as usize;
        let end = at(from + length).min(file.len());
        let piece = &file[at(from).min(end)..end];
        let mut touched = file.clone();
        touched.splice(at(to)..at(to), piece.iter().copied());
        prop_assert!(touched == file || is_found(&touched));
        touched = file.clone();
        touched.drain(at(from).min(end)..end);
        prop_assert!(touched == file || is_found(&touched));
    }
}
