//! How the data of each type lies in a Native block: enough to find its end.

/// Bytes that are read from the front; every reader gives `None` when they do not suffice.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn passed(&self) -> &'a [u8] {
        &self.bytes[..self.at]
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn word(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    /// A number of variable length.
    pub(super) fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::try_from(length).ok()?)
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// So many bytes a value.
    Fixed(usize),
    Text,
    Nullable(Box<Shape>),
    Array(Box<Shape>),
    Tuple(Vec<Shape>),
    /// A dictionary of these, and indexes into it.
    LowCardinality(Box<Shape>),
}

impl Shape {
    /// `None` for types whose data only the engine understands.
    pub(super) fn read(kind: &str) -> Option<Self> {
        let (name, arguments) = match kind.split_once('(') {
            Some((name, rest)) => (name, split(rest.strip_suffix(')')?)),
            None => (kind, Vec::new()),
        };
        let argument = |at: usize| arguments.get(at).copied();
        let inner = |at: usize| argument(at).and_then(Self::read).map(Box::new);
        let point = || Self::Tuple(vec![Self::Fixed(8), Self::Fixed(8)]);
        let array = |shape| Self::Array(Box::new(shape));
        Some(match name {
            "String" => Self::Text,
            "FixedString" => Self::Fixed(argument(0)?.trim().parse().ok()?),
            "Decimal" => Self::Fixed(match argument(0)?.trim().parse().ok()? {
                0..=9_u32 => 4,
                10..=18 => 8,
                19..=38 => 16,
                _ => 32,
            }),
            "Nullable" => Self::Nullable(inner(0)?),
            "Array" => Self::Array(inner(0)?),
            "LowCardinality" => Self::LowCardinality(match *inner(0)? {
                // Whether a value is missing stands in its index.
                Self::Nullable(shape) => shape,
                shape => Box::new(shape),
            }),
            "SimpleAggregateFunction" => Self::read(argument(1)?)?,
            "Map" => array(Self::Tuple(vec![*inner(0)?, *inner(1)?])),
            "Tuple" if !arguments.is_empty() => Self::Tuple(elements(&arguments)?),
            "Nested" => array(Self::Tuple(elements(&arguments)?)),
            "Point" => point(),
            "Ring" | "LineString" => array(point()),
            "Polygon" | "MultiLineString" => array(array(point())),
            "MultiPolygon" => array(array(array(point()))),
            _ => Self::Fixed(width(name)?),
        })
    }

    /// Moves behind a column's data.
    pub(super) fn skip_column(&self, cursor: &mut Cursor<'_>, rows: usize) -> Option<()> {
        cursor.take(8 * self.dictionaries())?;
        self.skip(cursor, rows)
    }

    /// Each begins with its version, before all data.
    fn dictionaries(&self) -> usize {
        match self {
            Self::Fixed(_) | Self::Text => 0,
            Self::Nullable(inner) | Self::Array(inner) => inner.dictionaries(),
            Self::Tuple(elements) => elements.iter().map(Self::dictionaries).sum(),
            Self::LowCardinality(_) => 1,
        }
    }

    fn skip(&self, cursor: &mut Cursor<'_>, rows: usize) -> Option<()> {
        if rows == 0 {
            return Some(());
        }
        match self {
            Self::Fixed(width) => cursor.take(width.checked_mul(rows)?).map(drop),
            Self::Text => (0..rows).try_for_each(|_| cursor.text().map(drop)),
            Self::Nullable(inner) => {
                cursor.take(rows)?;
                inner.skip(cursor, rows)
            }
            Self::Array(inner) => {
                let ends = cursor.take(rows.checked_mul(8)?)?;
                let values = Cursor::new(&ends[ends.len() - 8..]).word()?;
                inner.skip(cursor, usize::try_from(values).ok()?)
            }
            Self::Tuple(elements) => elements
                .iter()
                .try_for_each(|element| element.skip(cursor, rows)),
            Self::LowCardinality(keys) => {
                // The lowest byte tells the width of an index, as a power of two.
                let width = 1_usize << (cursor.word()? & 3);
                let count = cursor.word()?;
                keys.skip(cursor, usize::try_from(count).ok()?)?;
                let indexes = usize::try_from(cursor.word()?).ok()?;
                cursor.take(width.checked_mul(indexes)?).map(drop)
            }
        }
    }
}

fn width(name: &str) -> Option<usize> {
    Some(match name {
        "Bool" | "Int8" | "UInt8" | "Enum8" | "Nothing" => 1,
        "Int16" | "UInt16" | "Enum16" | "Date" | "BFloat16" => 2,
        "Int32" | "UInt32" | "Float32" | "Date32" | "DateTime" | "DateTime32" | "Time" | "IPv4"
        | "Decimal32" => 4,
        "Int64" | "UInt64" | "Float64" | "DateTime64" | "Time64" | "Decimal64" => 8,
        "Int128" | "UInt128" | "UUID" | "IPv6" | "Decimal128" => 16,
        "Int256" | "UInt256" | "Decimal256" => 32,
        _ if name.starts_with("Interval") => 8,
        _ => return None,
    })
}

/// The elements of a tuple; each may have a name in front of its type.
fn elements(arguments: &[&str]) -> Option<Vec<Shape>> {
    arguments
        .iter()
        .map(|element| Shape::read(without_name(element.trim())?))
        .collect()
}

fn without_name(element: &str) -> Option<&str> {
    if let Some(quoted) = element.strip_prefix('`') {
        return quoted.split_once("` ").map(|(_, kind)| kind);
    }
    let head = element.split('(').next().unwrap_or(element);
    Some(match head.split_once(' ') {
        Some((name, _)) => &element[name.len() + 1..],
        None => element,
    })
}

/// The arguments of a type, at its commas but not at those inside of brackets and quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_i32);
    let mut quote = None;
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match (quote, byte) {
            (Some(_), b'\\') => {
                bytes.next();
            }
            (Some(open), _) if open == byte => quote = None,
            (None, b'\'' | b'`') => quote = Some(byte),
            (None, b'(') => depth += 1,
            (None, b')') => depth -= 1,
            (None, b',') if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn types_have_their_shapes() {
        for (kind, shape) in [
            ("DateTime64(6, 'UTC')", Shape::Fixed(8)),
            ("Decimal(38, 8)", Shape::Fixed(16)),
            ("Enum8('a(,' = 1, 'b\\'' = 2)", Shape::Fixed(1)),
            ("FixedString(3)", Shape::Fixed(3)),
            ("Nullable(String)", Shape::Nullable(Box::new(Shape::Text))),
            (
                "Tuple(a Decimal(9, 2), `b c` Array(String))",
                Shape::Tuple(vec![Shape::Fixed(4), Shape::Array(Box::new(Shape::Text))]),
            ),
            (
                "LowCardinality(Nullable(String))",
                Shape::LowCardinality(Box::new(Shape::Text)),
            ),
            ("SimpleAggregateFunction(sum, Float64)", Shape::Fixed(8)),
        ] {
            assert_eq!(Shape::read(kind), Some(shape), "{kind}");
        }
        for kind in [
            "AggregateFunction(sum, UInt8)",
            "JSON",
            "Dynamic",
            "Array(",
            "",
        ] {
            assert_eq!(Shape::read(kind), None, "{kind}");
        }
    }

    proptest! {
        #[test]
        fn noise_is_no_panic(kind in "[A-Za-z0-9(),'` ]{0,40}", bytes in proptest::collection::vec(any::<u8>(), 0..100), rows in 0_usize..1000) {
            if let Some(shape) = Shape::read(&kind) {
                let _ = shape.skip_column(&mut Cursor::new(&bytes), rows);
            }
        }

        #[test]
        fn noise_in_known_types_is_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), rows in 0_usize..20) {
            for kind in ["Array(Array(String))", "LowCardinality(String)", "Map(String, Nullable(Int8))"] {
                let _ = Shape::read(kind).unwrap().skip_column(&mut Cursor::new(&bytes), rows);
            }
        }
    }
}
