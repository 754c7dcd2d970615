//! What the pinned engine has, and what each of it reaches: `engine/names.txt`, a line a name.
//! A test asks the engine for its lists, and fails on a name that has no line.

use std::sync::OnceLock;

const NAMES: &str = include_str!("../../engine/names.txt");

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameKind {
    Function,
    TableFunction,
    TableEngine,
    DatabaseEngine,
    /// A text, or one that lets others reach further.
    Setting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Its arguments only.
    Computes,
    /// Tables, dictionaries and settings of the store.
    Store,
    /// Tells about the server or the query.
    Server,
    /// Holds the query for a while.
    Waits,
    /// Takes expressions out of a text, where nothing looks at them, or reads statements
    /// otherwise.
    Declares,
    /// Files, other hosts, programs, or the memory and the log of the process.
    Outside,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    pub kind: NameKind,
    pub name: &'static str,
    pub reach: Reach,
}

/// Every name, sorted. A line that cannot be read is left out, which the test notices.
pub fn engine_names() -> &'static [Name] {
    static READ: OnceLock<Vec<Name>> = OnceLock::new();
    READ.get_or_init(|| NAMES.lines().filter_map(read).collect())
}

fn read(line: &'static str) -> Option<Name> {
    let mut words = line.split(' ');
    let kind = match words.next()? {
        "function" => NameKind::Function,
        "table-function" => NameKind::TableFunction,
        "table-engine" => NameKind::TableEngine,
        "database-engine" => NameKind::DatabaseEngine,
        "setting" => NameKind::Setting,
        _ => return None,
    };
    let name = words.next()?;
    let reach = match words.next()? {
        "computes" => Reach::Computes,
        "store" => Reach::Store,
        "server" => Reach::Server,
        "waits" => Reach::Waits,
        "declares" => Reach::Declares,
        "outside" => Reach::Outside,
        _ => return None,
    };
    words.next().is_none().then_some(Name { kind, name, reach })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_and_in_order() {
        assert_eq!(engine_names().len(), NAMES.lines().count());
        assert!(NAMES.lines().is_sorted());
    }

    /// One grant is for both.
    #[test]
    fn engines_of_one_name_reach_the_same() {
        let engines = |kind| engine_names().iter().filter(move |name| name.kind == kind);
        for table in engines(NameKind::TableEngine) {
            for database in engines(NameKind::DatabaseEngine).filter(|d| d.name == table.name) {
                assert_eq!(table.reach, database.reach, "{}", table.name);
            }
        }
    }
}
