//! The official Rust client, unmodified, against the front.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use clickhouse::{Client, Compression, Row};
use common::store_port;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
struct Quote {
    symbol: String,
    price: i64,
    venue: Option<String>,
    tags: Vec<u32>,
}

fn client(compression: Compression) -> Client {
    Client::default()
        .with_url(format!("http://127.0.0.1:{}", store_port()))
        .with_compression(compression)
}

fn quotes(count: i64) -> Vec<Quote> {
    (0..count)
        .map(|n| Quote {
            symbol: format!("SYM{n}\n'"),
            price: n * 7 - 3,
            venue: (n % 2 == 0).then(|| "v".to_owned()),
            tags: (0..(n % 4) as u32).collect(),
        })
        .collect()
}

#[tokio::test]
async fn rows_go_in_and_come_out() {
    for (table, compression) in [
        ("rc_plain", Compression::None),
        ("rc_lz4", Compression::Lz4),
    ] {
        let client = client(compression);
        client
            .query("CREATE OR REPLACE TABLE ? (symbol String, price Int64, venue Nullable(String), tags Array(UInt32)) ENGINE = MergeTree ORDER BY price SETTINGS non_replicated_deduplication_window = 100")
            .bind(clickhouse::sql::Identifier(table))
            .execute()
            .await
            .unwrap();
        let rows = quotes(5000);
        for _ in 0..2 {
            let mut insert = client
                .insert::<Quote>(table)
                .await
                .unwrap()
                .with_setting("async_insert", "0")
                .with_setting("insert_deduplication_token", "t:0:0-4999");
            for row in &rows {
                insert.write(row).await.unwrap();
            }
            insert.end().await.unwrap();
        }
        let back: Vec<Quote> = client
            .query("SELECT ?fields FROM ? ORDER BY price")
            .bind(clickhouse::sql::Identifier(table))
            .fetch_all()
            .await
            .unwrap();
        assert_eq!(back, rows);
        let one: u64 = client
            .query("SELECT count() FROM {t:Identifier} WHERE symbol = {s:String}")
            .param("t", table)
            .param("s", "SYM1\n'")
            .fetch_one()
            .await
            .unwrap();
        assert_eq!(one, 1);
    }
}

#[tokio::test]
async fn a_million_rows_come_one_by_one() {
    const ROWS: u64 = 1_000_000;
    for compression in [Compression::None, Compression::Lz4] {
        let client = client(compression);
        let mut rows = client
            .query("SELECT number, toString(number) FROM numbers({n:UInt64})")
            .param("n", ROWS)
            .fetch::<(u64, String)>()
            .unwrap();
        let (mut count, mut sum) = (0, 0);
        while let Some((number, text)) = rows.next().await.unwrap() {
            assert_eq!(text.len(), number.to_string().len());
            (count, sum) = (count + 1, sum + number);
        }
        assert_eq!((count, sum), (ROWS, ROWS * (ROWS - 1) / 2));
    }
}

#[tokio::test]
async fn an_error_in_the_middle_reaches_the_client_as_text() {
    for compression in [Compression::None, Compression::Lz4] {
        let mut rows = client(compression)
            .query("SELECT number, throwIf(number = 3000000, 'too far') FROM numbers(5000000)")
            .fetch::<(u64, u8)>()
            .unwrap();
        let error = loop {
            match rows.next().await {
                Ok(row) => assert!(row.is_some(), "it ended as if it were whole"),
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.contains("Code: 395"), "{error}");
    }
}

#[tokio::test]
async fn errors_reach_the_client_as_text() {
    let error = client(Compression::Lz4)
        .query("SELECT * FROM nowhere")
        .fetch_all::<u8>()
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("UNKNOWN_TABLE"), "{error}");
    let wrong = client(Compression::None)
        .with_user("reader")
        .with_password("wrong");
    let error = wrong
        .query("SELECT 1")
        .fetch_one::<u8>()
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("AUTHENTICATION_FAILED"), "{error}");
}

#[tokio::test]
async fn a_reader_may_use_the_client_as_it_is() {
    let reader = client(Compression::Lz4)
        .with_user("reader")
        .with_password("read-secret");
    assert_eq!(
        reader
            .query("SELECT 1 + 1")
            .fetch_one::<u16>()
            .await
            .unwrap(),
        2
    );
}
