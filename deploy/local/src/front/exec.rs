//! Running one request on the engine: a fresh connection, its settings, one statement.

use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;

use super::access::{FrontUser, Role, check};
use super::encoding::{Body, decode, memory_file};
use super::exception::Exception;
use super::forbidden::{self, EXPRESSIONS_IN_VALUES, MARK, StatementPart};
use super::insert::{Column, Insert, InsertHeader, rewrite};
use super::lexer::{quote_name, quote_text};
use super::query_state::QueryState;
use super::request::Request;
use super::result_pipe::ResultPipe;
use super::sql::{MAX_STATEMENT, Statement, too_long};
use super::{kill, multipart, reader_settings};
use crate::engine::{Answer, Connection, Counters, Engine};

/// What a statement may answer that does not flow (KILL QUERY, CHECK TABLE, OPTIMIZE …).
const MAX_HELD_BYTES: u64 = 64 * 1024 * 1024;
/// A reader's body: a statement and its parameters, which needs no disk.
const MAX_READER_BODY: usize = 1024 * 1024;

#[derive(Debug)]
pub(super) struct Reply {
    /// What did not go through the pipe.
    pub(super) data: Bytes,
    /// The format of the rows, if there are any.
    pub(super) format: Option<String>,
    pub(super) counters: Counters,
}

pub(super) struct Limits {
    pub(super) body: usize,
    pub(super) query_seconds: u64,
    pub(super) memory: u64,
}

impl Limits {
    /// The bytes of a request's body, and of what it unpacks to.
    pub(super) fn body_of(&self, user: &FrontUser) -> usize {
        match user.role {
            Role::Reader => self.body.min(MAX_READER_BODY),
            Role::Admin | Role::Writer => self.body,
        }
    }
}

pub(super) fn execute(
    engine: &Engine,
    user: &FrontUser,
    mut request: Request,
    body: Body,
    limits: &Limits,
    query: &QueryState,
    pipe: ResultPipe,
) -> Result<Reply, Exception> {
    let started = Instant::now();
    let body = decode(
        body,
        &request.content_encoding,
        request.decompress,
        limits.body_of(user),
        query,
    )?;
    let body = match request.form.take() {
        None => body,
        Some(content_type) => {
            request.add_form(multipart::fields(&content_type, &body.into_bytes()?)?)?;
            Body::Memory(Vec::new())
        }
    };
    let work = Work::plan(&request, body)?;
    check(user, request.read_only, work.statement())?;
    work.stays_inside(&request)?;
    // In this order: when the client leaves from here on, the query is known to be killable.
    query
        .reading
        .store(work.statement().answers(), Ordering::SeqCst);
    query.check_abandoned()?;

    let mut connection = engine
        .connect()
        .map_err(|error| Exception::internal(&error.to_string()))?;
    prepare(&mut connection, user, &request, &work, limits, &query.mark)?;
    let default_format = request.default_format.as_deref().unwrap_or("TabSeparated");
    let (answer, format) = match work {
        Work::Query(statement, sql) if statement.flows(&sql) => flow(
            &mut connection,
            &statement,
            &sql,
            default_format,
            pipe,
            query,
        )?,
        work => {
            drop(pipe);
            work.run(&mut connection, default_format, !request.params.is_empty())?
        }
    };
    let mut counters = answer.counters;
    counters.elapsed_seconds = started.elapsed().as_secs_f64();
    Ok(Reply {
        data: answer.data,
        format,
        counters,
    })
}

/// What a request asks for.
enum Work {
    Query(Statement, Vec<u8>),
    Insert {
        /// The head only, for the rights.
        statement: Statement,
        head: Vec<u8>,
        header: InsertHeader,
        data: Body,
    },
}

impl Work {
    /// The query is the URL's `query`, a line break and the body.
    fn plan(request: &Request, body: Body) -> Result<Self, Exception> {
        let mut sql = request.query.clone().into_bytes();
        if !sql.is_empty() {
            sql.push(b'\n');
            if let Insert::Data(header) = Insert::read(&sql)? {
                return Self::insert_split(header, sql, body);
            }
        }
        sql.extend_from_slice(&body.into_bytes()?);
        match Insert::read(&sql)? {
            Insert::Data(header) => Self::insert_split(header, sql, Body::Memory(Vec::new())),
            Insert::Unfinished(_) | Insert::None => {
                if sql.len() > MAX_STATEMENT {
                    return Err(too_long());
                }
                let statement = Statement::read(&sql)?;
                sql.truncate(statement.end);
                Ok(Self::Query(statement, sql))
            }
        }
    }

    /// The data is what follows the head, and then the body.
    fn insert_split(header: InsertHeader, sql: Vec<u8>, body: Body) -> Result<Self, Exception> {
        let (head, first) = sql.split_at(header.data_at.min(sql.len()));
        let statement = Statement::read(head)?;
        let head = head.to_vec();
        let data = if first.is_empty() {
            body
        } else {
            let mut data = first.to_vec();
            data.extend_from_slice(&body.into_bytes()?);
            Body::Memory(data)
        };
        Ok(Self::Insert {
            statement,
            head,
            header,
            data,
        })
    }

    fn statement(&self) -> &Statement {
        match self {
            Self::Query(statement, _) | Self::Insert { statement, .. } => statement,
        }
    }

    /// All of it, and what was sent beside it. Data are looked at where they are read.
    fn stays_inside(&self, request: &Request) -> Result<(), Exception> {
        let (statement, sql, part) = match self {
            Self::Query(statement, sql) => (statement, sql, StatementPart::Whole),
            Self::Insert {
                statement, head, ..
            } => (statement, head, StatementPart::Head),
        };
        forbidden::check(statement, sql, part)?;
        for (name, _) in &request.settings {
            forbidden::check_setting(name)?;
        }
        let names = forbidden::name_parameters(statement, sql);
        for (parameter, value) in &request.params {
            let parameter = parameter.strip_prefix("param_").unwrap_or(parameter);
            if names.contains(parameter) {
                forbidden::check_name_parameter(value)?;
            }
        }
        Ok(())
    }

    fn run(
        self,
        connection: &mut Connection,
        default_format: &str,
        parameters: bool,
    ) -> Result<(Answer, Option<String>), Exception> {
        match self {
            Self::Query(statement, sql) => {
                let sql = if statement.keyword == "KILL" {
                    kill::by_our_ids(&statement, &sql)
                } else {
                    sql
                };
                let answer = run_sql(connection, &sql, default_format)?;
                let format = statement
                    .answers()
                    .then(|| statement.format_or(default_format));
                Ok((answer, format))
            }
            Self::Insert { header, data, .. } => {
                insert(connection, &header, data, default_format, parameters)
                    .map(|answer| (answer, None))
            }
        }
    }
}

/// Rows go through the pipe, which ends when this returns.
fn flow(
    connection: &mut Connection,
    statement: &Statement,
    sql: &[u8],
    default_format: &str,
    pipe: ResultPipe,
    query: &QueryState,
) -> Result<(Answer, Option<String>), Exception> {
    let format = statement.format_or(default_format);
    let _ = query.format.set(format.clone());
    connection
        .query(&pipe.redirect(statement, sql), default_format)
        .map(|answer| (answer, Some(format)))
        .map_err(|error| Exception::from_engine(&pipe.conceal(&error)))
}

fn run_sql(connection: &mut Connection, sql: &[u8], format: &str) -> Result<Answer, Exception> {
    connection
        .query(sql, format)
        .map_err(|error| Exception::from_engine(&error))
}

fn insert(
    connection: &mut Connection,
    header: &InsertHeader,
    data: Body,
    default_format: &str,
    parameters: bool,
) -> Result<Answer, Exception> {
    let format = header.format.as_deref().unwrap_or(default_format);
    if format == "Values" {
        let bytes = data.into_bytes()?;
        // Query parameters in VALUES need the engine's own parser.
        if parameters && bytes.contains(&b'{') {
            return insert_inline(connection, header, &bytes);
        }
        return insert_file(connection, header, format, &memory_file(&bytes)?);
    }
    insert_file(connection, header, format, &data.into_file()?)
}

fn insert_file(
    connection: &mut Connection,
    header: &InsertHeader,
    format: &str,
    file: &std::fs::File,
) -> Result<Answer, Exception> {
    if file.metadata().is_ok_and(|found| found.len() == 0) {
        // Self-describing formats cannot be empty, an INSERT can. The table must exist.
        describe(connection, &header.table)?;
        return Ok(Answer {
            data: Bytes::new(),
            counters: Counters::default(),
        });
    }
    let table = describe(connection, &header.table)?;
    let sql = rewrite(header, &table, format, file.as_raw_fd())?;
    connection
        .may_read_files()
        .map_err(|error| Exception::from_engine(&error))?;
    let mut answer = run_sql(connection, sql.as_bytes(), "Null")?;
    // As the real server counts it: what an INSERT reads is what it was sent.
    answer.counters.result_rows = answer.counters.rows_written;
    answer.counters.rows_read = answer.counters.rows_written;
    answer.counters.bytes_read = answer.counters.bytes_written;
    answer.data = Bytes::new();
    Ok(answer)
}

fn insert_inline(
    connection: &mut Connection,
    header: &InsertHeader,
    values: &[u8],
) -> Result<Answer, Exception> {
    let columns = header.columns.as_ref().map_or(String::new(), |names| {
        let names: Vec<String> = names.iter().map(|name| quote_name(name)).collect();
        format!(" ({})", names.join(", "))
    });
    let settings = header
        .settings
        .as_ref()
        .map_or(String::new(), |text| format!(" SETTINGS {text}"));
    let mut sql = format!("INSERT INTO {}{columns}{settings} VALUES ", header.table).into_bytes();
    sql.extend_from_slice(values);
    let statement = Statement::read(&sql)?;
    forbidden::check(&statement, &sql, StatementPart::Whole)?;
    if !forbidden::name_parameters(&statement, &sql).is_empty() {
        return Err(Exception::denied(
            "Not enough privileges: VALUES take no names as parameters",
        ));
    }
    set(connection, &[(EXPRESSIONS_IN_VALUES[0].into(), "1".into())])?;
    run_sql(connection, &sql[..statement.end], "Null")
}

/// The columns of a table: name, type, kind of default, default.
fn describe(connection: &mut Connection, table: &str) -> Result<Vec<Column>, Exception> {
    let sql = format!("DESCRIBE TABLE {table} SETTINGS describe_compact_output = 0");
    let answer = run_sql(connection, sql.as_bytes(), "JSONCompactEachRow")?;
    serde_json::Deserializer::from_slice(&answer.data)
        .into_iter::<Vec<String>>()
        .map(|row| match row {
            Ok(row) if row.len() >= 4 => Ok(Column {
                name: row[0].clone(),
                kind: row[1].clone(),
                default_kind: row[2].clone(),
                default: row[3].clone(),
            }),
            _ => Err(Exception::internal("DESCRIBE answered in an unknown shape")),
        })
        .collect()
}

/// Settings, parameters, the current database and, last, the rights.
fn prepare(
    connection: &mut Connection,
    user: &FrontUser,
    request: &Request,
    work: &Work,
    limits: &Limits,
    mark: &str,
) -> Result<(), Exception> {
    if let Some(database) = &request.database {
        run_sql(
            connection,
            format!("USE {}", quote_name(database)).as_bytes(),
            "Null",
        )?;
    }
    let mut settings: Vec<(String, String)> = vec![(MARK.into(), mark.into())];
    settings.extend(EXPRESSIONS_IN_VALUES.map(|name| (name.to_owned(), "0".to_owned())));
    // The engine has one user, so this bounds everything together.
    settings.push((
        "max_memory_usage_for_user".into(),
        limits.memory.to_string(),
    ));
    if matches!(work, Work::Query(statement, sql) if statement.flows(sql)) {
        // What changes something is not cut in the middle.
        settings.push((
            "max_execution_time".into(),
            limits.query_seconds.to_string(),
        ));
    } else {
        settings.push(("max_result_bytes".into(), MAX_HELD_BYTES.to_string()));
    }
    if matches!(work, Work::Insert { .. }) {
        // Rows stay in their order and in the same blocks, and are deduplicated, as in an
        // INSERT with data, although this one reads them with a SELECT.
        for (name, value) in [
            ("deduplicate_insert_select", "enable_even_for_bad_queries"),
            ("parallelize_output_from_storages", "0"),
            ("max_insert_threads", "1"),
        ] {
            settings.push((name.into(), value.into()));
        }
    }
    if user.role == Role::Reader {
        settings.extend(reader_settings::settings(&request.settings)?);
    } else {
        settings.extend(
            request
                .settings
                .iter()
                .filter(|(name, _)| name != "readonly")
                .cloned(),
        );
    }
    // By this KILL QUERY finds it, whatever was asked for: the engine gives queries ids of its own.
    settings.push(("log_comment".into(), request.query_id.clone()));
    settings.extend(request.params.iter().cloned());
    if let Some(level) = readonly_level(user, request)? {
        settings.push(("readonly".into(), level.to_string()));
    }
    set(connection, &settings)
}

/// Readers always, GET at least weakly, and whoever asks for it.
fn readonly_level(user: &FrontUser, request: &Request) -> Result<Option<u64>, Exception> {
    let mut asked = None;
    for (_, value) in request
        .settings
        .iter()
        .filter(|(name, _)| name == "readonly")
    {
        asked = Some(readonly_number(value)?);
    }
    Ok(match asked {
        _ if user.role == Role::Reader => Some(1),
        Some(1) => Some(1),
        _ if request.read_only => Some(2),
        asked => asked,
    })
}

/// As the engine reads it: `00` is 0 too.
fn readonly_number(value: &str) -> Result<u64, Exception> {
    value
        .parse()
        .ok()
        .filter(|level| *level <= 2)
        .ok_or_else(|| Exception::bad_argument("the setting readonly must be 0, 1 or 2"))
}

fn set(connection: &mut Connection, settings: &[(String, String)]) -> Result<(), Exception> {
    let list: Vec<String> = settings
        .iter()
        .map(|(name, value)| format!("{name} = {}", quote_text(value)))
        .collect();
    run_sql(
        connection,
        format!("SET {}", list.join(", ")).as_bytes(),
        "Null",
    )
    .map(drop)
}

/// Version and time zone of the engine, for the headers.
pub(super) fn identity(engine: &Engine) -> Result<(String, String), Exception> {
    let mut connection = engine
        .connect()
        .map_err(|error| Exception::internal(&error.to_string()))?;
    let answer = run_sql(
        &mut connection,
        b"SELECT version(), timezone()",
        "TabSeparated",
    )?;
    let text = String::from_utf8_lossy(&answer.data);
    let (version, zone) = text
        .trim_end()
        .split_once('\t')
        .unwrap_or(("unknown", "UTC"));
    Ok((version.to_owned(), zone.to_owned()))
}

/// Where large bodies wait.
pub(super) fn spool_dir(data: &Path) -> std::path::PathBuf {
    data.join("spool")
}

#[cfg(test)]
#[path = "work_tests.rs"]
mod tests;
