use proptest::prelude::*;

use super::*;
use crate::mfa::{Code, CodeSearch, Expected, find};

fn mail(head: &str, body: &str) -> Vec<u8> {
    let text = format!("Received: by mx.mine.example\n{head}\n\n{body}");
    text.replace('\n', "\r\n").into_bytes()
}

fn found(bytes: &[u8]) -> CodeSearch {
    let letter = read(bytes, &Trust::default()).unwrap();
    find(&letter.text, &Expected::of("broker.example"))
}

fn code(text: &str) -> CodeSearch {
    CodeSearch::Code(Code::new(text))
}

#[test]
fn plain_text_in_the_encodings_of_mail() {
    let plain = mail(
        "From: Broker <No-Reply@Broker.example>",
        "Your code is 482913",
    );
    assert_eq!(
        read(&plain, &Trust::default()).unwrap().sender,
        "no-reply@broker.example"
    );
    assert_eq!(found(&plain), code("482913"));
    let base64 = mail(
        "From: a@broker.example\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64",
        "WW91ciBjb2RlIGlzIDQ4MjkxMw==",
    );
    assert_eq!(found(&base64), code("482913"));
    let quoted = mail(
        "From: a@broker.example\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable",
        "Your security c=\node: 482=\n913 =E9",
    );
    assert_eq!(found(&quoted), code("482913"));
}

const BOTH: &str =
    "From: a@broker.example\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=b";

fn alternatives(plain: &str, html: &str) -> Vec<u8> {
    let body = format!(
        "--b\nContent-Type: text/plain\n\n{plain}\n--b\nContent-Type: text/html\n\n{html}\n--b--\n"
    );
    mail(BOTH, &body)
}

#[test]
fn plain_text_goes_before_html_unless_it_says_nothing() {
    assert_eq!(
        found(&alternatives("code 482913", "<p>code 111111</p>")),
        code("482913")
    );
    for nothing in ["", "This mail needs a reader of HTML."] {
        assert_eq!(
            found(&alternatives(nothing, "<p>code <b>482913</b></p>")),
            code("482913")
        );
    }
    let html = "<style>.c{}</style><script>code 1111</script><!-- code 2222 --><i hidden>code 3333</i>Code: <b>482913</b>";
    let only = mail("From: a@broker.example\nContent-Type: text/html", html);
    assert_eq!(found(&only), code("482913"));
    let hidden = mail(
        "From: a@broker.example\nContent-Type: text/html",
        "<p>Your code</p><i hidden>482913</i>",
    );
    assert_eq!(found(&hidden), CodeSearch::Nothing);
    let attached = mail(
        "From: a@broker.example\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b",
        "--b\nContent-Type: text/plain\n\nSee the code attached.\n--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename=code.txt\n\ncode 482913\n--b--\n",
    );
    assert_eq!(found(&attached), CodeSearch::Nothing);
}

#[test]
fn a_mail_has_one_sender() {
    for head in [
        "Subject: none",
        "From:",
        "From: broker",
        "From: a@broker.example, b@broker.example",
        "From: a@broker.example\nFrom: b@evil.example",
        "From: a@broker.example\nSubject: x\nfrom: a@broker.example",
        "From: brokers: a@broker.example, b@broker.example;",
        "From: \"a@broker.example\"",
    ] {
        let unfit = read(&mail(head, "code 482913"), &Trust::default()).err();
        assert_eq!(unfit, Some(Unfit::NotOneSender), "{head}");
    }
    let disguised = mail("From: \"a@broker.example\" <x@evil.example>", "");
    assert_eq!(
        read(&disguised, &Trust::default()).unwrap().sender,
        "x@evil.example"
    );
}

#[test]
fn the_findings_of_the_own_server_count_and_no_others() {
    let head = |results: &str| format!("{results}From: a@broker.example");
    let passed = "Authentication-Results: mx.mine.example;\n\tdkim=pass header.d=broker.example\n";
    let failed = "authentication-results: mx.mine.example; dkim=fail header.d=broker.example\n";
    let trust = |server: Option<&str>, is_demanded| Trust {
        server: server.map(str::to_owned),
        is_demanded,
    };
    let own = Some("mx.mine.example");
    let fits = |results: &str, trust: &Trust| read(&mail(&head(results), "x"), trust).err();
    let refused = Some(Unfit::NotAuthentic);
    assert_eq!(fits(passed, &trust(own, true)), None);
    assert_eq!(fits(failed, &trust(own, false)), refused);
    assert_eq!(
        fits(&format!("{failed}{passed}"), &trust(own, false)),
        refused
    );
    assert_eq!(fits("", &trust(own, false)), None);
    assert_eq!(fits("", &trust(own, true)), refused);
    assert_eq!(fits(passed, &trust(Some("mx.else.example"), true)), refused);
    assert_eq!(
        fits(failed, &trust(None, false)),
        None,
        "anybody may write one"
    );
}

#[test]
fn a_mail_that_was_cut_off_is_read_as_far_as_it_goes() {
    let mut long = alternatives("code 482913", &"<p>x</p>".repeat(20_000));
    long.truncate(64 << 10);
    assert_eq!(found(&long), code("482913"));
    assert_eq!(read(b"", &Trust::default()).err(), Some(Unfit::Unreadable));
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _read = read(&bytes, &Trust::default()).err();
    }
}
