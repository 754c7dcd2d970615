//! What the lexer makes of a text, and that it makes of ordinary statements what they are.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn tokens(sql: &str) -> Result<Vec<(TokenKind, &str)>, Exception> {
    Lexer::new(sql.as_bytes())
        .map(|token| token.map(|token| (token.kind, &sql[token.start..token.end])))
        .collect()
}

#[test]
fn a_here_document_is_one_text() {
    for text in [
        "$$ it's $$",
        "$a$ ; -- /* ' $b$ $a $a$",
        "$a$$b$$a$",
        "$a$$a$",
        "$$a$b$$",
        "$1_a$ $1_ab$ $$ $1_a$",
    ] {
        let sql = format!("select {text}, x$y$z");
        let expected = [
            (TokenKind::Word, "select"),
            (TokenKind::Text, text),
            (TokenKind::Punct(b','), ","),
            (TokenKind::Word, "x$y$z"),
        ];
        assert_eq!(tokens(&sql).unwrap(), expected, "{sql}");
    }
    // A name, as long as there is no other dollar.
    assert_eq!(tokens("$x").unwrap(), [(TokenKind::Word, "$x")]);
    assert_eq!(tokens("$ x").unwrap()[0], (TokenKind::Word, "$"));
}

#[test]
fn dollars_that_could_be_read_in_two_ways_are_refused() {
    for (sql, why) in [
        ("select $a$ x", "here-document is not closed at position 8"),
        (
            "select $a$ $b$ $a",
            "here-document is not closed at position 8",
        ),
        ("select $$", "here-document is not closed at position 8"),
        (
            "select $x, '$x'",
            "a name that begins with $ needs quotes, at position 8",
        ),
        (
            "select $a b$ x $a b$",
            "a name that begins with $ needs quotes, at position 8",
        ),
        (
            "select 1$x$ ' $x$ , url('y') --'",
            "$ behind a number at position 9",
        ),
    ] {
        let error = tokens(sql).unwrap_err();
        assert_eq!(error.code, 62);
        assert!(error.body("").contains(why), "{sql}: {}", error.body(""));
    }
}

/// One token of an ordinary statement as it is written.
fn written() -> impl Strategy<Value = (TokenKind, String)> {
    let kind = |kind: TokenKind| move |text: String| (kind, text);
    let text = any::<String>().prop_map(|text| quote_text(&text));
    let name = "[^\0]{1,8}".prop_map(|name| quote_name(&name));
    let document = ("[a-z0-9_]{0,4}", "[^$]{0,12}", "[^$]{1,12}")
        .prop_map(|(tag, one, two)| format!("${tag}${one}$other${two}${tag}$"));
    prop_oneof![
        "[A-Za-z_][A-Za-z0-9_$]{0,6}".prop_map(kind(TokenKind::Word)),
        "[0-9]{1,4}[a-z]?".prop_map(kind(TokenKind::Word)),
        text.prop_map(kind(TokenKind::Text)),
        document.prop_map(kind(TokenKind::Text)),
        name.prop_map(kind(TokenKind::QuotedName)),
        select(&b"()[]{},.+*=<>;:?%"[..])
            .prop_map(|punct| (TokenKind::Punct(punct), char::from(punct).to_string())),
    ]
}

proptest! {
    #[test]
    fn ordinary_statements_are_the_tokens_they_are_written_of(
        written in proptest::collection::vec(written(), 0..40),
        blanks in proptest::collection::vec(select(&[" ", "\n", "\t ", "/* ' $a$ */", " -- `\n", " // $$ \n", "# (\n", "\u{a0}"][..]), 40),
    ) {
        let mut sql = String::new();
        for ((_, text), blank) in written.iter().zip(&blanks) {
            sql.extend([text, *blank]);
        }
        let expected: Vec<(TokenKind, &str)> =
            written.iter().map(|(kind, text)| (*kind, text.as_str())).collect();
        prop_assert_eq!(tokens(&sql).unwrap(), expected);
    }

    #[test]
    fn quoted_text_is_one_token(value in any::<String>()) {
        let sql = format!("select {}", quote_text(&value));
        let tokens = tokens(&sql).unwrap();
        prop_assert_eq!(tokens.len(), 2);
        prop_assert_eq!(tokens[1].0, TokenKind::Text);
    }

    #[test]
    fn quoted_names_come_back(name in "[^\0]{1,12}") {
        let sql = quote_name(&name);
        let token = Lexer::new(sql.as_bytes()).next().unwrap().unwrap();
        prop_assert_eq!(token.name(sql.as_bytes()).unwrap(), name);
    }
}
