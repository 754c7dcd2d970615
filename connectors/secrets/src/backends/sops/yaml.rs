//! YAML, as far as SOPS writes it: one document, no aliases, no tags.

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::tree::{DEEPEST, Node};

pub(super) fn parse(text: &str) -> Option<Node> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
    };
    if reader.next()? != Event::StreamStart || !matches!(reader.next()?, Event::DocumentStart(_)) {
        return None;
    }
    let first = reader.next()?;
    let node = reader.node(first, 0)?;
    let ends = [reader.next()?, reader.next()?];
    (ends == [Event::DocumentEnd, Event::StreamEnd]).then_some(node)
}

struct Reader<'a, I: saphyr_parser::Input> {
    parser: Parser<'a, I>,
}

impl<'a, I: saphyr_parser::Input> Reader<'a, I> {
    fn next(&mut self) -> Option<Event<'a>> {
        let (event, _) = self.parser.next_event()?.ok()?;
        Some(event)
    }

    fn node(&mut self, event: Event<'a>, depth: usize) -> Option<Node> {
        if depth > DEEPEST {
            return None;
        }
        match event {
            Event::Scalar(text, style, _, None) => Some(scalar(&text, style)),
            Event::SequenceStart(_, None) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd => return Some(Node::List(items)),
                        event => items.push(self.node(event, depth + 1)?),
                    }
                }
            }
            Event::MappingStart(_, None) => {
                let mut entries = Vec::new();
                loop {
                    match self.next()? {
                        Event::MappingEnd => return Node::map(entries),
                        Event::Scalar(key, _, _, None) => {
                            let event = self.next()?;
                            entries.push((key.into_owned(), self.node(event, depth + 1)?));
                        }
                        _ => return None,
                    }
                }
            }
            _ => None,
        }
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Node {
    if style != ScalarStyle::Plain {
        return Node::text(text);
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Node::Nothing,
        "true" | "True" | "TRUE" => Node::truth(true),
        "false" | "False" | "FALSE" => Node::truth(false),
        _ => number(text).unwrap_or_else(|| Node::text(text)),
    }
}

/// Whole ones as they are, others in full, without an exponent.
fn number(text: &str) -> Option<Node> {
    let is_part = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
    if !text.contains(|c: char| c.is_ascii_digit()) || !text.chars().all(is_part) {
        return None;
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(Node::plain(whole.to_string()));
    }
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.map(|number| Node::plain(number.to_string()))
}
