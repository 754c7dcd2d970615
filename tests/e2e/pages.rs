//! The queries that the pages of `docs` show to readers.

use std::fs;
use std::path::Path;

use tapeline_tests::Namespace;

#[test]
fn the_queries_of_the_pages_can_be_asked() {
    let namespace = Namespace::new("pages", "");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let mut asked = 0;
    for page in ["numbers.md", "procedures.md"] {
        let text = fs::read_to_string(folder.join(page)).unwrap();
        assert!(text.contains("```sql\n"), "{page} shows no query");
        for part in text.split("```sql\n").skip(1) {
            let (sql, _) = part.split_once("```").unwrap();
            // Panics on an unknown table or column; the tables are empty.
            namespace.query(sql);
            asked += 1;
        }
    }
    assert!(asked > 10, "{asked} queries were found");
}
