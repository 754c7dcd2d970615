use std::collections::BTreeSet;

use super::*;
use crate::testing::FakeStore;

fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

#[test]
fn every_file_is_a_question_with_its_parameters() {
    for query in QUERIES {
        assert!(query.question().ends_with('?'), "{}", query.name);
        let named = query.header().filter(|line| line.starts_with("param "));
        assert_eq!(named.count(), query.parameters().count(), "{}", query.name);
        for parameter in query.parameters() {
            let kind = match parameter.kind {
                Kind::Text => "String",
                Kind::Number => "UInt32",
            };
            let used = format!("{{{}:{kind}}}", parameter.name);
            assert!(query.sql().contains(&used), "{}: {used}", query.name);
        }
        assert!(!query.sql().contains("--"), "{}", query.name);
    }
    let names: BTreeSet<&str> = QUERIES.iter().map(|query| query.name).collect();
    assert_eq!(names.len(), QUERIES.len());
}

#[test]
fn no_file_is_forgotten() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/queries");
    let files = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(files, QUERIES.len());
}

#[test]
fn parameters_that_nobody_knows_and_numbers_that_are_none_are_refused() {
    let query = Query::named("pnl_by_day").unwrap();
    let fault = query.values(&given(&[("portfolios", "x")])).unwrap_err();
    assert_eq!(
        fault,
        "`pnl_by_day` has no parameter `portfolios`; it has portfolio, days"
    );
    let fault = query.values(&given(&[("days", "-1")])).unwrap_err();
    assert_eq!(
        fault,
        "parameter `days` must be a whole number, and is `-1`"
    );
    let fault = Query::named("ingest")
        .unwrap()
        .values(&given(&[("a", "b")]));
    assert_eq!(fault.unwrap_err(), "`ingest` takes no parameters");
    let values = query.values(&given(&[("days", "7")])).unwrap();
    assert_eq!(
        values,
        [("portfolio", String::new()), ("days", "7".to_owned())]
    );
}

#[tokio::test]
async fn a_value_stands_beside_the_statement_and_never_in_it() {
    let fake = FakeStore::start().await;
    let query = Query::named("positions").unwrap();
    let evil = "x' OR 1 = 1; DROP TABLE quotes --";
    let asked = fake.store();
    let values = given(&[("portfolio", evil)]);
    asked
        .ask(query, &values, Format::Json, |_| {})
        .await
        .unwrap();
    let requests = fake.requests("v_positions");
    assert_eq!(requests.len(), 1);
    // The query and each value are parts of one form.
    let form = &requests[0].sql;
    let part = |name: &str| {
        let begin = format!("name=\"{name}\"\r\n\r\n");
        let (_, rest) = form.split_once(begin.as_str()).unwrap();
        rest.split("\r\n--").next().unwrap().to_owned()
    };
    assert_eq!(part("query"), query.sql());
    assert_eq!(
        part("param_portfolio"),
        r"x\' OR 1 = 1; DROP TABLE quotes --"
    );
}

#[test]
fn views_are_found_with_what_they_show() {
    let views = views();
    assert!(views.len() > 25, "{}", views.len());
    for view in views {
        assert!(view.name.starts_with("v_"), "{view:?}");
        assert!(view.about.ends_with('.'), "{view:?}");
    }
}
