//! Each format says the same.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use tapeline_backtest::History;
use tapeline_backtest::history::Kind;
use tapeline_model::{Event, Micros};

/// 2026-11-21T09:30:00Z
const START: i64 = 1_795_253_400_000_000;

pub fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/files")
        .join(name)
}

fn events<P: AsRef<Path>>(files: &[P]) -> Vec<Event<'static>> {
    History::open(files).unwrap().map(Result::unwrap).collect()
}

/// Milliseconds since the start, and what was told.
fn shown(event: &Event<'_>) -> String {
    let millis = event.event_time().since(Micros(START)) / 1_000;
    match event {
        Event::Quote(q) => format!(
            "{millis} {} {} x {} / {} x {}",
            q.symbol, q.bid_price, q.bid_size, q.ask_price, q.ask_size
        ),
        Event::Trade(t) => format!(
            "{millis} {} {} x {} {}",
            t.symbol, t.price, t.size, t.trade_id
        ),
        other => panic!("{other:?}"),
    }
}

fn all_shown<P: AsRef<Path>>(files: &[P]) -> Vec<String> {
    events(files).iter().map(shown).collect()
}

const QUOTES: [&str; 3] = [
    "0 AAPL 189.12 x 100 / 189.14 x 200",
    "250 MSFT 420.5 x 10.5 / 420.50000001 x 0",
    "1000 AAPL 189.1 x 300 / 189.12 x 100",
];

const TRADES: [&str; 3] = [
    "0 AAPL 189.13 x 100 t1",
    "500 AAPL 189.13000001 x 0.00000001 1-2-0",
    "500 MSFT 420.5 x 7 t3",
];

/// Of 1000 shares each print has 200; of none it has the smallest size. The extremes
/// come after a third and two thirds, the close before the next bar begins.
const BARS: [&str; 15] = [
    "0 AAPL 189 x 200 1-1-0",
    "0 MSFT 420 x 0.00000001 1-2-0",
    "100 AAPL 189 x 200 1-1-1",
    "100 MSFT 420 x 0.00000001 1-2-1",
    "20000 AAPL 190 x 200 1-1-2",
    "20000 MSFT 421 x 0.00000001 1-2-2",
    "40000 AAPL 188.5 x 200 1-1-3",
    "40000 MSFT 419 x 0.00000001 1-2-3",
    "59900 AAPL 189.5 x 200 1-1-4",
    "59900 MSFT 420.5 x 0.00000001 1-2-4",
    "60000 AAPL 189.5 x 1 1-3-0",
    "60100 AAPL 189.5 x 1 1-3-1",
    "80000 AAPL 189.5 x 1 1-3-2",
    "100000 AAPL 189.5 x 1 1-3-3",
    "119900 AAPL 189.5 x 1 1-3-4",
];

#[test]
fn text_files_say_what_stands_in_them() {
    for (name, expected) in [
        ("quotes", &QUOTES[..]),
        ("trades", &TRADES),
        ("bars", &BARS),
    ] {
        let (csv, json) = (file(&format!("{name}.csv")), file(&format!("{name}.jsonl")));
        assert_eq!(all_shown(&[&csv]), expected, "{name}");
        assert_eq!(events(&[csv]), events(&[json]), "{name}");
    }
}

#[test]
fn the_records_are_numbered_and_say_where_they_come_from() {
    let Event::Quote(quote) = &events(&[file("quotes.csv")])[1] else {
        panic!("no quote")
    };
    assert_eq!((quote.seq, &*quote.source), (2, "history"));
    assert_eq!(quote.ingest_time, quote.event_time);
}

#[test]
fn several_files_are_merged_by_time_and_then_by_their_order() {
    let (quotes, trades) = (file("quotes.csv"), file("trades.csv"));
    let [q1, q2, q3] = QUOTES;
    let [t1, t2, t3] = TRADES;
    assert_eq!(all_shown(&[&quotes, &trades])[..2], [q1, t1]);
    let t2 = t2.replace("1-2-0", "2-2-0");
    assert_eq!(all_shown(&[&quotes, &trades])[2..], [q2, &*t2, t3, q3]);
    assert_eq!(all_shown(&[&trades, &quotes])[..2], [t1, q1]);
    let history = History::open(&[quotes, trades]).unwrap();
    let kinds: Vec<Kind> = history.kinds().collect();
    assert_eq!(kinds, [Kind::Quotes, Kind::Trades]);
}

/// A column: values, and for those that may be null which of them are there.
pub fn write_column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, std::fs::File>,
    values: &[T::T],
    levels: Option<&[i16]>,
) {
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<T>()
        .write_batch(values, levels, None)
        .unwrap();
    column.close().unwrap();
}

pub fn writer(
    path: &Path,
    schema: &str,
    compression: Compression,
) -> SerializedFileWriter<std::fs::File> {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .build();
    let file = std::fs::File::create(path).unwrap();
    SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap()
}

pub fn texts(values: &[&str]) -> Vec<ByteArray> {
    values.iter().map(|value| ByteArray::from(*value)).collect()
}

fn compressions() -> [Compression; 4] {
    let zstd = Compression::ZSTD(parquet::basic::ZstdLevel::default());
    let gzip = Compression::GZIP(parquet::basic::GzipLevel::default());
    [Compression::UNCOMPRESSED, Compression::SNAPPY, zstd, gzip]
}

/// Times of every unit, doubles, decimals and text; two row groups.
#[test]
fn parquet_says_the_same_however_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quotes.parquet");
    for (unit, per_milli) in [("MILLIS", 1), ("MICROS", 1_000), ("NANOS", 1_000_000)] {
        for compression in compressions() {
            let schema = format!(
                "message quotes {{
                    required int64 time (TIMESTAMP({unit}, true));
                    required binary symbol (STRING);
                    required double bid;
                    required int64 bid_size (DECIMAL(18, 3));
                    optional binary ask (STRING);
                    required double ask_size;
                }}"
            );
            let mut out = writer(&path, &schema, compression);
            let start = START / 1_000 * per_milli;
            let millis = |millis: i64| start + millis * per_milli;
            for (times, symbols, bids, bid_sizes, asks, ask_sizes) in [
                (
                    vec![millis(0), millis(250)],
                    vec!["AAPL", "MSFT"],
                    vec![189.12, 420.5],
                    vec![100_000, 10_500],
                    vec!["189.14", "420.50000001"],
                    vec![200.0, 0.0],
                ),
                (
                    vec![millis(1_000)],
                    vec!["AAPL"],
                    vec![189.1],
                    vec![300_000],
                    vec!["189.12"],
                    vec![100.0],
                ),
            ] {
                let present = vec![1; times.len()];
                let mut group = out.next_row_group().unwrap();
                write_column::<Int64Type>(&mut group, &times, None);
                write_column::<ByteArrayType>(&mut group, &texts(&symbols), None);
                write_column::<DoubleType>(&mut group, &bids, None);
                write_column::<Int64Type>(&mut group, &bid_sizes, None);
                write_column::<ByteArrayType>(&mut group, &texts(&asks), Some(&present));
                write_column::<DoubleType>(&mut group, &ask_sizes, None);
                group.close().unwrap();
            }
            out.close().unwrap();
            assert_eq!(events(&[&path]), events(&[file("quotes.csv")]), "{unit}");
        }
    }
}

/// Integers without a unit, and an id that is not always there.
#[test]
fn parquet_trades_may_lack_an_id() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trades.parquet");
    let schema = "message trades {
        optional binary id (STRING);
        required int64 time;
        required binary symbol (STRING);
        required double price;
        required binary size (DECIMAL(38, 8));
    }";
    let mut out = writer(&path, schema, Compression::SNAPPY);
    let mut group = out.next_row_group().unwrap();
    write_column::<ByteArrayType>(&mut group, &texts(&["t1", "t3"]), Some(&[1, 0, 1]));
    let times = [START, START + 500_000, START + 500_000];
    write_column::<Int64Type>(&mut group, &times, None);
    write_column::<ByteArrayType>(&mut group, &texts(&["AAPL", "AAPL", "MSFT"]), None);
    write_column::<DoubleType>(&mut group, &[189.13, 189.130_000_01, 420.5], None);
    // 100, 0.00000001 and 7 as big-endian two's complement.
    let sizes: Vec<ByteArray> = [10_000_000_000_i64, 1, 700_000_000]
        .iter()
        .map(|raw| ByteArray::from(raw.to_be_bytes().to_vec()))
        .collect();
    write_column::<ByteArrayType>(&mut group, &sizes, None);
    group.close().unwrap();
    out.close().unwrap();
    assert_eq!(events(&[path]), events(&[file("trades.csv")]));
}

/// More rows than one batch, so that batches and row groups do not end together.
#[test]
fn a_long_parquet_file_is_read_to_its_end() {
    const ROWS: i64 = 5_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trades.parquet");
    let schema = "message trades {
        required int64 time (TIMESTAMP(MICROS, false));
        required binary symbol (STRING);
        required double price;
        required double size;
    }";
    let mut out = writer(&path, schema, Compression::SNAPPY);
    for half in 0..2 {
        let times: Vec<i64> = (0..ROWS / 2).map(|n| START + half * ROWS / 2 + n).collect();
        let mut group = out.next_row_group().unwrap();
        write_column::<Int64Type>(&mut group, &times, None);
        write_column::<ByteArrayType>(&mut group, &texts(&vec!["A"; times.len()]), None);
        write_column::<DoubleType>(&mut group, &vec![1.5; times.len()], None);
        write_column::<DoubleType>(&mut group, &vec![1.0; times.len()], None);
        group.close().unwrap();
    }
    out.close().unwrap();
    let times: Vec<i64> = events(&[path]).iter().map(|e| e.event_time().0).collect();
    assert_eq!(times, (START..START + ROWS).collect::<Vec<_>>());
}
