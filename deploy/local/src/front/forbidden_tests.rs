use super::*;

fn refusal(sql: &str) -> Option<u32> {
    let statement = Statement::read(sql.as_bytes()).unwrap();
    check(&statement, sql.as_bytes(), StatementPart::Whole)
        .err()
        .map(|error| error.code)
}

#[test]
fn what_reaches_outside_is_refused() {
    for sql in [
        "select * from file('x')",
        "select FILE ('/etc/passwd')",
        "select * from `s3Cluster`('x')",
        "insert into function url('x') select 1",
        "insert into t select * from url('x')",
        "describe table url('x')",
        "create table t as remote('h', system.one)",
        "select hasColumnInTable('host', 'u', 'p', 'd', 't', 'c')",
        "create table t (a Int8) engine = MergeTree order by a settings disk = disk(type = local)",
        "create table t (a Int8) engine = EmbeddedRocksDB primary key a",
        "create table t (a Int8) engine `keepermap`('/x') primary key a",
        "create database d engine = Filesystem",
        // The name of a function is enough for another.
        "select arrayMap(file, ['/etc/passwd'])",
        "select arrayMap(\"file\", ['/etc/passwd'])",
        "select * apply file from t",
        "select * apply(`file`) from t",
        // Expressions in a text.
        "select * from format(JSONEachRow, 'a String DEFAULT file(\\'x\\')', '{}')",
        "select * from format('JSONEachRow', 'a String', '{}')",
        "select * from format('{' = '' ? 'x' : 'JSONEachRow', 'a String', '{}')",
        "select * from format($$JSONEachRow{$$, 'a String', '{}')",
        "select * from format ( )",
        "select * from `/etc/passwd`",
        "select * from default.\"/etc/passwd\"",
        "create table if not exists `a/b` (a Int8) engine = Memory",
        "exists table '/etc/passwd'",
        "attach table t from '/tmp/t' (a Int8) engine = MergeTree order by a",
        "select b from values('a String, b String alias file(\\'x\\')', 'x')",
        "select b from values('a String, b String alias 1', 'x')",
        "select b from `values`('a String materialized 1', 'x')",
        "select * from VALUES(concat('a String ', 'alias 1'), 'x')",
        "select * from values($$a String alias 1$$, 'x')",
        "select * from generateRandom('a String, b String default 1')",
        "select * from null(`a String alias 1`)",
        "select * from viewIfPermitted(select 1 else null('a String alias 1'))",
        "insert into t select * from values('a String alias 1', 'x')",
        "create table t as values('a String alias 1', 'x')",
        "create view v definer = current_user sql security definer as select 1",
        "create view v (c String) sql security definer as select 1",
        "create view v as select * from system.one, `/etc/passwd`",
        "select * from system.one, `/etc/passwd`",
        "select 1 in `/etc/passwd`",
        "select * from merge('/etc', 'passwd')",
        "create table t engine = Alias(default, '/etc/passwd')",
        "create table t (a Int8) engine = Buffer('default', '/etc/passwd', 1, 1, 1, 1, 1, 1, 1)",
        "select * from loop('default', '/etc/passwd')",
        "create view v as select arrayMap({f:Identifier}, ['/etc/passwd'])",
        "alter table v modify query select arrayMap({f:Identifier}, ['/etc/passwd'])",
    ] {
        assert_eq!(refusal(sql), Some(497), "{sql}");
    }
    for sql in [
        "select `fi\\x6ce`('/etc/passwd')",
        "insert into t select 1 parallel with drop table u",
    ] {
        assert_eq!(refusal(sql), Some(62), "{sql}");
    }
    for sql in [
        "select 1 settings s3queue_default_zookeeper_path = 'x'",
        "select 1 settings `input_format_values_interpret_expressions` = 1",
    ] {
        assert_eq!(refusal(sql), Some(452), "{sql}");
    }
}

#[test]
fn what_only_looks_like_it_is_not() {
    for sql in [
        "select 'file(' as file_name, \"a-b\" from t",
        "select t.file from t",
        "select format('{} of {}', a, b) from t format JSON",
        "select a as format from t",
        "select trim(both '/' from '/a/')",
        "alter table t attach partition 1 from u",
        "select `a``b`, `c\\`d`",
        "insert into db.s3_orders (a) select 1",
        "select url from t",
        "create table t (s3 String) engine = MergeTree order by s3",
        "select engine = file_log from system.tables",
        "insert into t values ('a String default 1', 'x')",
        "insert into t (values) values (concat('a', 'b'))",
        "select * from values('a Decimal(18, 8), b Enum8(''x'' = 1)', (1, 'x'))",
        "select * from values((1, 'default'), (2, 'alias'))",
        "select * from values(1, -2), null('a DateTime64(3)')",
        "select p as `P/L`, q from t order by q, `P/L`",
        "create view v as select concat(a, '/', b) as c from t",
        "select merge from t where a = '/'",
        "create table t (query String, `definer` String) engine = MergeTree order by query",
    ] {
        assert_eq!(refusal(sql), None, "{sql}");
    }
    let head = "insert into t (file, b) format JSONEachRow";
    let statement = Statement::read(head.as_bytes()).unwrap();
    check(&statement, head.as_bytes(), StatementPart::Head).unwrap();
}

#[test]
fn parameters_that_stand_for_names_are_looked_at() {
    let sql = "select arrayMap({f:Identifier}, [{s:String}]) from {`t`:Identifier}";
    let statement = Statement::read(sql.as_bytes()).unwrap();
    let names = name_parameters(&statement, sql.as_bytes());
    assert_eq!(names, ["f", "t"].map(str::to_owned).into());
    for value in ["file", "/etc/passwd", "\\x66ile"] {
        assert_eq!(
            check_name_parameter(value).unwrap_err().code,
            497,
            "{value}"
        );
    }
    check_name_parameter("quotes").unwrap();
    assert!(check_setting(MARK).is_err());
    check_setting("max_threads").unwrap();
}
