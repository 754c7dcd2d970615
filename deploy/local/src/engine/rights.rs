//! What the engine itself refuses, whatever a statement says: the rights of its one user.
//!
//! Measured with 26.5: a configuration file with users, grants and constraints is kept to, also
//! for tables that are files by their name (`'/etc/passwd'`), for engines that are sources, and
//! in views. Not covered, and so refused by the front (`front/inside.rs`): functions, engines that
//! count as no source, `ATTACH … FROM`, and `INTO OUTFILE`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::names::{NameKind, Reach, engine_names};

/// With it a connection may read files: what the front hands to the engine.
pub(super) const FILES: &str = "files";

/// Taken from the user again; dictionaries, since their sources can be programs.
const TAKEN: &str = "SOURCES, ACCESS MANAGEMENT, BACKUP, CREATE DICTIONARY, \
     NAMED COLLECTION ADMIN, INTROSPECTION, SYSTEM SHUTDOWN, SYSTEM FAILPOINT, SYSTEM INSTRUMENT ADD, SYSTEM INSTRUMENT REMOVE";

/// Settings of tables that name a file or a disk: they stay as they are.
const FIXED_TABLE_SETTINGS: &[&str] = &["disk", "table_disk"];

/// Whose rights a view has: those of whoever asks it.
const FIXED_VIEW_SETTINGS: &[&str] = &["default_normal_view_sql_security"];

/// Writes the engine's configuration into its data folder.
pub(super) fn write(data: &Path) -> std::io::Result<PathBuf> {
    let path = data.join("rights.xml");
    let mut file = tempfile::NamedTempFile::new_in(data)?;
    file.write_all(configuration(&path).as_bytes())?;
    file.persist(&path)?;
    Ok(path)
}

/// One file for the server and its users.
fn configuration(path: &Path) -> String {
    let mut grants = String::new();
    for query in [
        "GRANT ALL ON *.*".to_owned(),
        format!("REVOKE {TAKEN} ON *.*"),
        "REVOKE TABLE ENGINE ON *".to_owned(),
    ]
    .into_iter()
    .chain(engines().map(|name| format!("GRANT TABLE ENGINE ON {name}")))
    .chain([format!("GRANT {FILES}")])
    {
        let _ = writeln!(grants, "<query>{query}</query>");
    }
    let mut fixed = String::new();
    let tables = FIXED_TABLE_SETTINGS
        .iter()
        .map(|name| format!("merge_tree_{name}"));
    let views = FIXED_VIEW_SETTINGS.iter().map(|name| (*name).to_owned());
    for name in settings().map(str::to_owned).chain(tables).chain(views) {
        let _ = writeln!(fixed, "<{name}><const/></{name}>");
    }
    format!(
        "<clickhouse>
<users_config>{path}</users_config>
<profiles><default><constraints>
{fixed}</constraints></default></profiles>
<quotas><default/></quotas>
<roles><{FILES}><grants><query>GRANT READ ON FILE</query></grants></{FILES}></roles>
<users><default>
<password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
<grants>
{grants}</grants></default></users>
</clickhouse>
",
        path = escaped(&path.display().to_string()),
    )
}

/// Those that name a file, a host or an expression, or change how a statement is read.
fn settings() -> impl Iterator<Item = &'static str> {
    engine_names()
        .iter()
        .filter(|name| name.kind == NameKind::Setting)
        .filter(|name| matches!(name.reach, Reach::Outside | Reach::Declares))
        .map(|name| name.name)
}

fn engines() -> impl Iterator<Item = &'static str> {
    engine_names()
        .iter()
        .filter(|name| matches!(name.kind, NameKind::TableEngine | NameKind::DatabaseEngine))
        .filter(|name| name.reach == Reach::Store)
        .map(|name| name.name)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_engines_of_the_store_are_granted() {
        let text = configuration(Path::new("/a & b/rights.xml"));
        assert!(text.contains("<users_config>/a &amp; b/rights.xml</users_config>"));
        assert!(text.contains("GRANT TABLE ENGINE ON MergeTree<"));
        assert!(text.contains("<format_template_row><const/></format_template_row>"));
        assert!(text.contains("<merge_tree_disk><const/></merge_tree_disk>"));
        assert!(!text.contains("<log_comment>"));
        for engine in ["File", "URL", "SQLite", "Filesystem", "Executable"] {
            assert!(!text.contains(&format!("ON {engine}<")), "{engine}");
        }
    }

    #[test]
    fn it_is_for_this_user_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path()).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // Every start replaces it.
        write(folder.path()).unwrap();
    }
}
