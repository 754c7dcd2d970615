//! What a person would read of a mail in HTML.

use std::collections::BTreeMap;
use std::convert::Infallible;

use html5gum::{DefaultEmitter, HtmlString, Spanned, Token, Tokenizer};

/// Deeper than any mail that a person reads; what is below is left out.
const DEEPEST: usize = 256;
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
];
/// Elements whose text is not shown, or is not the mail's own words.
const SILENT: [&str; 16] = [
    "audio", "canvas", "datalist", "head", "iframe", "math", "noembed", "noframes", "noscript",
    "object", "script", "style", "svg", "template", "title", "video",
];
const INLINE: [&str; 22] = [
    "a", "abbr", "b", "big", "code", "em", "font", "i", "img", "kbd", "label", "mark", "s",
    "small", "span", "strike", "strong", "sub", "sup", "tt", "u", "wbr",
];
const CELLS: [&str; 2] = ["td", "th"];

/// Without scripts, styles, comments and what is hidden by its own attributes.
pub(super) fn text_of(html: &str) -> String {
    let mut emitter = DefaultEmitter::<()>::default();
    emitter.naively_switch_states(true);
    let mut reader = Reader::default();
    for token in Tokenizer::new_with_emitter(html, emitter) {
        let token: Result<_, Infallible> = token;
        match token {
            Ok(Token::StartTag(tag)) => {
                let name = lossy(&tag.name);
                reader.opens(&name, is_hidden(&tag.attributes), tag.self_closing);
            }
            Ok(Token::EndTag(tag)) => reader.closes(&lossy(&tag.name)),
            Ok(Token::String(text)) => reader.says(&lossy(&text.value)),
            Ok(Token::Comment(_) | Token::Doctype(_) | Token::Error(_)) => {}
            Err(never) => match never {},
        }
    }
    reader.text
}

#[derive(Default)]
struct Reader {
    text: String,
    /// The open elements, and whether each hides what is in it.
    open: Vec<(String, bool)>,
    hidden: usize,
    /// Elements that are open beyond the deepest.
    beyond: usize,
}

impl Reader {
    fn opens(&mut self, name: &str, is_hidden: bool, closes_itself: bool) {
        if name == "body" {
            // Whatever was left open before is over.
            (self.hidden, self.beyond) = (0, 0);
            self.open.clear();
        }
        self.break_at(name);
        if VOID.contains(&name) || closes_itself && SILENT.contains(&name) {
            return;
        }
        if self.open.len() == DEEPEST {
            self.beyond += 1;
            return;
        }
        let is_hidden = is_hidden || SILENT.contains(&name);
        self.hidden += usize::from(is_hidden);
        self.open.push((name.to_owned(), is_hidden));
    }

    fn closes(&mut self, name: &str) {
        if self.beyond > 0 {
            self.beyond -= 1;
            return;
        }
        // What was left open inside of it is over, too; what was never opened is nothing.
        if let Some(at) = self.open.iter().rposition(|(open, _)| open == name) {
            let closed = self.open.drain(at..);
            self.hidden -= closed.filter(|(_, is_hidden)| *is_hidden).count();
        }
        self.break_at(name);
    }

    fn says(&mut self, text: &str) {
        if self.hidden > 0 || self.beyond > 0 {
            return;
        }
        for c in text.chars().filter(|c| !is_nothing(*c)) {
            if !c.is_whitespace() {
                self.text.push(c);
            } else if !self.text.ends_with([' ', '\n']) {
                self.text.push(' ');
            }
        }
    }

    fn break_at(&mut self, name: &str) {
        if self.hidden > 0 || INLINE.contains(&name) {
            return;
        }
        if CELLS.contains(&name) {
            self.says(" ");
        } else if !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }
}

/// Signs without width, with which senders pad their previews.
fn is_nothing(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'
    )
}

fn is_hidden(attributes: &BTreeMap<HtmlString, Spanned<HtmlString, ()>>) -> bool {
    let value = |name: &[u8]| {
        let named = attributes.iter().find(|(known, _)| ***known == *name);
        named.map(|(_, value)| lossy(&value.value).to_ascii_lowercase())
    };
    value(b"hidden").is_some() || value(b"style").is_some_and(|style| hides(&style))
}

fn hides(style: &str) -> bool {
    style.split(';').any(|declaration| {
        let Some((name, value)) = declaration.split_once(':') else {
            return false;
        };
        let value = value.trim().trim_end_matches("!important").trim();
        let number: String = value
            .chars()
            .take_while(|c| c.is_ascii_digit() || *c == '.')
            .collect();
        let is_zero = number.parse().is_ok_and(|number: f32| number < 0.05);
        match name.trim() {
            "display" => value == "none",
            "visibility" => matches!(value, "hidden" | "collapse"),
            "mso-hide" => value == "all",
            // One point is not to be read.
            "font-size" => is_zero || matches!(value, "1px" | "1pt"),
            "opacity" | "max-height" | "max-width" => is_zero,
            "color" => value == "transparent",
            _ => false,
        }
    })
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(html: &str) -> String {
        let text = text_of(html);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_mail_as_brokers_write_them() {
        let html = "<!DOCTYPE html><html><head><title>Code 999999</title>\
            <style>.a{color:#123456}</style><script>var code = 888888;</script></head>\
            <body bgcolor=\"#777777\"><!-- code 666666 --><!--[if mso]>code 555555<![endif]-->\
            <div style=\"display:none;max-height:0\">Preview 444444&zwnj;&nbsp;</div>\
            <table><tr><td>Your code is</td><td><b>4829</b><i>13</i></td></tr></table>\
            <img alt=\"code 333333\" src=x><p>It ends &lt;soon&gt;&amp; for good.</p></body></html>";
        assert_eq!(words(html), "Your code is 482913 It ends <soon>& for good.");
    }

    #[test]
    fn what_is_hidden_gives_nothing() {
        for attributes in [
            "hidden",
            "style='display: none'",
            "style='DISPLAY:NONE !important'",
            "style='visibility:hidden'",
            "style='color:red;font-size:0px'",
            "style='font-size:1px'",
            "style='opacity:0'",
            "style='max-height:0px;overflow:hidden'",
            "style='mso-hide:all'",
            "style='color:transparent'",
        ] {
            let html = format!("a<div {attributes}>x<p>1<b>2</b></p>3</div>b");
            assert_eq!(words(&html), "a b", "{attributes}");
        }
        let shown = "a<div style='font-size:10px;opacity:0.9;display:block'>x</div>b";
        assert_eq!(words(shown), "a x b");
    }

    #[test]
    fn broken_html_hides_no_more_than_it_says() {
        assert_eq!(words("<head><title>x<body>code 1"), "");
        assert_eq!(words("<head><body>code 1"), "code 1");
        assert_eq!(words("<p hidden>x</div><p>y</p>z"), "");
        assert_eq!(words("</b></b>x<br>y<br/>z"), "x y z");
        assert_eq!(words("<div hidden>x<span></div>y"), "y");
        assert_eq!(words("<script>1</script >2<style>3"), "2");
        let deep = format!("{}code 1{}code 2", "<i>".repeat(300), "</i>".repeat(300));
        assert_eq!(words(&deep), "code 2");
    }

    #[test]
    fn a_bound_line_stays_a_line() {
        let text = text_of("<p>Your code is 747723.</p><p>@broker.example\u{a0}#747723</p>");
        assert_eq!(
            text.lines().last().unwrap().trim(),
            "@broker.example #747723"
        );
    }

    proptest! {
        #[test]
        fn any_html_is_read(html in "[<>/=\"'a-z0-9 &;!-]{0,200}") {
            text_of(&html);
        }
    }
}
