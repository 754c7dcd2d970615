//! However a statement is made, what is done before the engine has it grows no faster than its
//! length.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::front::lexer::steps;
use crate::front::result_pipe;

/// A byte is passed at most three times (the URL's query, its head, the statement), and a pass
/// looks at it and its neighbours.
const LOOKS_A_BYTE: usize = 12;

/// What a thread may spend on a quarter of a megabyte; it takes less than a tenth of a second.
const CPU: Duration = Duration::from_secs(1);

/// All that is done with a statement before the engine has it.
fn handle(query: &str, body: &[u8]) -> Result<(), Exception> {
    let request = axum::http::Request::post("/").body(()).unwrap();
    let mut request = Request::read(&request.into_parts().0)?;
    query.clone_into(&mut request.query);
    let work = Work::plan(&request, Body::Memory(body.to_vec()))?;
    let user = FrontUser {
        name: "u".into(),
        password: None,
        role: Role::Writer,
    };
    let _ = check(&user, request.read_only, work.statement());
    let _ = work.stays_inside(&request);
    match work {
        Work::Query(statement, sql) => {
            if statement.flows(&sql) {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_io()
                    .build()
                    .unwrap();
                let _inside = runtime.enter();
                result_pipe::pipe()?.0.redirect(&statement, &sql);
            }
            kill::by_our_ids(&statement, &sql);
        }
        Work::Insert { header, data, .. } => {
            let columns = header.columns.clone().unwrap_or_default();
            let table: Vec<Column> = columns.iter().map(|name| column(name)).collect();
            let _ = rewrite(&header, &table[..table.len().min(100)], "JSONEachRow", 7);
            let data = data.into_bytes()?;
            let _ = Statement::read(&data)
                .and_then(|statement| forbidden::check(&statement, &data, StatementPart::Whole));
        }
    }
    Ok(())
}

fn column(name: &str) -> Column {
    Column {
        name: name.into(),
        kind: "Int64".into(),
        default_kind: "DEFAULT".into(),
        default: "a + 1".into(),
    }
}

/// The nanoseconds this thread ran; those of others do not count.
fn cpu() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// Statements made to be looked at again and again: a beginning, and what is repeated with a
/// number in place of `#`.
const ATTACKS: [(&str, &str); 36] = [
    ("select ", "$a#$ "),
    ("select ", "$a#$$"),
    ("select ", "$#"),
    ("select ", "$ "),
    ("select $a$ ", "$a$ "),
    ("select $a$ ", "$b$"),
    ("select $a$ ", "$a"),
    (
        "select $aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa$ ",
        "$aaaaaaaaaaaaaaaaa",
    ),
    ("select ", "$$"),
    ("select ", "$$ $$ "),
    ("select ", "$x, "),
    ("select ", "1$a "),
    ("select ", "/* "),
    ("select ", "/**/"),
    ("select ", "/*/"),
    ("select ", "-- \n"),
    ("select ", "'\\''"),
    ("select ", "'"),
    ("select ", "`a``"),
    ("select ", "\"\\"),
    ("select ", "("),
    ("select ", "f("),
    ("select ", "....("),
    ("insert into t select x", ".x ("),
    ("select ", "{a#:Array("),
    ("select 1 ", "format a "),
    ("select 1 ", "into outfil "),
    ("select 1", ";"),
    ("insert into a", ".a"),
    ("insert into a", ".$a#$"),
    ("insert into t (a", ", a#"),
    ("insert into t (a", ", a"),
    ("insert into t settings a = 1", ", a# = 1"),
    ("insert into t ", ";"),
    ("insert into t values ", "({a:Int8}, '$a#$'), "),
    ("insert into t format JSONEachRow ", "settings $a#$ "),
];

fn attack((start, again): (&str, &str), length: usize) -> Vec<u8> {
    let mut sql = start.to_owned();
    let mut number = 0;
    while sql.len() < length {
        sql.push_str(&again.replace('#', &number.to_string()));
        number += 1;
    }
    sql.into_bytes()
}

#[track_caller]
fn looks_little(query: &str, body: &[u8]) {
    let (_, looks) = steps::of(|| handle(query, body));
    let most = LOOKS_A_BYTE * (query.len() + body.len() + 8);
    let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
    assert!(looks <= most, "{looks} looks, not {most}: {query}{shown}");
}

#[test]
fn no_attack_takes_longer_than_its_length() {
    for pair in ATTACKS {
        let sql = attack(pair, MAX_STATEMENT - 20);
        let before = cpu();
        looks_little("", &sql);
        let spent = Duration::from_nanos(cpu() - before);
        assert!(spent < CPU, "{pair:?} took {spent:?}");
    }
}

/// Most of it is not looked at.
#[test]
fn what_is_longer_than_a_statement_is_refused_without_reading_it() {
    for pair in ATTACKS {
        let sql = attack(pair, 4 * MAX_STATEMENT);
        if matches!(Insert::read(&sql), Ok(Insert::Data(_))) {
            continue;
        }
        let (refused, looks) = steps::of(|| handle("", &sql));
        assert_eq!(refused.unwrap_err().code, 62, "{pair:?}");
        assert!(looks <= LOOKS_A_BYTE * MAX_STATEMENT, "{pair:?}: {looks}");
    }
}

#[test]
fn a_statement_has_an_end_and_the_data_of_an_insert_has_none() {
    let sql = |length: usize| {
        let mut sql = b"select '".to_vec();
        sql.resize(length - 1, b'x');
        sql.push(b'\'');
        sql
    };
    assert!(handle("", &sql(MAX_STATEMENT)).is_ok());
    let refused = handle("", &sql(MAX_STATEMENT + 1)).unwrap_err();
    assert_eq!((refused.code, refused.status().as_u16()), (62, 400));
    assert!(
        refused
            .body("")
            .contains("a statement may have 262144 bytes")
    );

    let rows = vec![b'\n'; 3 * MAX_STATEMENT];
    assert!(handle("insert into t format TSV", &rows).is_ok());
    assert!(
        handle(
            "",
            &[b"insert into t format TSV ".as_slice(), &rows].concat()
        )
        .is_ok()
    );
    // The head of an INSERT is a statement, too.
    let head = [
        "insert into t (",
        &"a, ".repeat(MAX_STATEMENT / 3),
        "b) values (1)",
    ]
    .concat();
    assert_eq!(handle("", head.as_bytes()).unwrap_err().code, 62);
}

const PIECES: [&str; 40] = [
    "$",
    "$$",
    "$a$",
    "$b$",
    "$a",
    "a$",
    "'",
    "''",
    "\\",
    "`",
    "\"",
    "/*",
    "*/",
    "/",
    "*",
    "--",
    "\n",
    "# ",
    "(",
    ")",
    ".",
    ",",
    ";",
    "{",
    "}",
    "=",
    "1",
    "x",
    " ",
    "é",
    "\u{2019}",
    "insert into t ",
    "select ",
    "values ",
    "format ",
    "settings ",
    "a = 1",
    "CSV ",
    "into ",
    "kill query where query_id = ",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn noise_is_looked_at_a_few_times(query in ".{0,40}", body in proptest::collection::vec(any::<u8>(), 0..2000)) {
        looks_little(&query, &body);
    }

    #[test]
    fn what_looks_like_statements_is_looked_at_a_few_times(
        query in proptest::collection::vec(select(&PIECES[..]), 0..20),
        body in proptest::collection::vec(select(&PIECES[..]), 0..600),
    ) {
        looks_little(&query.concat(), body.concat().as_bytes());
    }

    #[test]
    fn what_repeats_is_looked_at_a_few_times(
        start in proptest::collection::vec(select(&PIECES[..]), 0..6),
        again in proptest::collection::vec(prop_oneof![4 => select(&PIECES[..]), 1 => Just("#")], 1..5),
    ) {
        let sql = attack((&start.concat(), &again.concat()), 4000);
        looks_little("", &sql);
    }
}
