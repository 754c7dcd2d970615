//! Records, and a server that answers as ClickHouse does, for tests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tapeline_model::ids::output_id;
use tapeline_model::records::DeadLetter;
use tapeline_model::{Event, Micros};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::cells::put_bytes;
use crate::client::Store;
use crate::settings::{Password, StoreSettings};

pub(crate) fn dead_letter(
    topic: &str,
    partition: i32,
    offset: i64,
    source: &str,
) -> Event<'static> {
    Event::DeadLetter(DeadLetter {
        letter_id: output_id(topic, 0, 0, source, 0),
        topic: topic.to_owned(),
        partition,
        offset,
        key: None,
        value: Some(b"\x00\n\xff".to_vec()),
        reason: "CORRUPT".to_owned(),
        message: "bad".to_owned(),
        event_time: Micros(1),
        ingest_time: Micros(2),
        source: source.to_owned(),
    })
}

/// How the server answers one request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Rows(Vec<u8>),
    /// An exception with this code.
    Code(u32),
    /// The request is done, its answer never comes.
    Vanish,
    /// The connection stays open and silent.
    Hang,
}

impl Reply {
    pub(crate) fn done() -> Self {
        Self::Rows(Vec::new())
    }

    /// Rows of one type of column, as `RowBinaryWithNamesAndTypes`.
    pub(crate) fn table(columns: &[(&str, &str)], rows: &[&[u8]]) -> Self {
        let mut body = vec![columns.len() as u8];
        for (name, _) in columns {
            put_bytes(&mut body, name.as_bytes());
        }
        for (_, kind) in columns {
            put_bytes(&mut body, kind.as_bytes());
        }
        body.extend(rows.concat());
        Self::Rows(body)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The statement, from the URL or the body.
    pub(crate) sql: String,
    /// The rest of the URL, decoded.
    pub(crate) settings: Vec<(String, String)>,
    /// An insert's data.
    pub(crate) data: Vec<u8>,
}

impl Request {
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.settings
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What a reply is chosen by: a part of the statement.
type Script = Vec<(&'static str, VecDeque<Reply>)>;

#[derive(Default)]
struct State {
    script: Script,
    requests: Vec<Request>,
}

/// Answers on a free port; everything that has no reply left succeeds, empty.
#[derive(Clone)]
pub(crate) struct FakeStore {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

impl FakeStore {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { url, state }
    }

    /// The next statements with this in them are answered so, in this order.
    pub(crate) fn reply(&self, part: &'static str, replies: impl IntoIterator<Item = Reply>) {
        self.state
            .lock()
            .unwrap()
            .script
            .push((part, replies.into_iter().collect()));
    }

    pub(crate) fn requests(&self, part: &str) -> Vec<Request> {
        let state = self.state.lock().unwrap();
        state
            .requests
            .iter()
            .filter(|request| request.sql.contains(part))
            .cloned()
            .collect()
    }

    pub(crate) fn settings(&self) -> StoreSettings {
        StoreSettings {
            url: self.url.clone(),
            password: Password::new("hunter2"),
            request_timeout: Duration::from_secs(20),
            insert_timeout: Duration::from_secs(20),
            ..StoreSettings::default()
        }
    }

    pub(crate) fn store(&self) -> Store {
        Store::connect(&self.settings()).unwrap()
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    while let Some(request) = read_request(&mut stream).await {
        let reply = {
            let mut state = state.lock().unwrap();
            let mut matching = state
                .script
                .iter_mut()
                .filter(|(part, _)| request.sql.contains(part));
            let reply = matching.find_map(|(_, replies)| replies.pop_front());
            state.requests.push(request);
            reply.unwrap_or_else(Reply::done)
        };
        let (status, body) = match reply {
            Reply::Rows(body) => ("200 OK", body),
            Reply::Code(code) => (
                "500 Internal Server Error",
                format!("Code: {code}. DB::Exception: scripted. (SCRIPTED) (version 26.5)\n")
                    .into_bytes(),
            ),
            Reply::Vanish => return,
            Reply::Hang => return std::future::pending().await,
        };
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        if stream
            .write_all(&[head.as_bytes(), &body].concat())
            .await
            .is_err()
        {
            return;
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let header = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
            .next()
    };
    let body = match header("content-length") {
        Some(length) => read_exactly(stream, length.parse().unwrap()).await?,
        None => read_chunks(stream).await?,
    };
    let target = head.split(' ').nth(1)?;
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut settings: Vec<(String, String)> = pairs
        .map(|(key, value)| (decode(key), decode(value)))
        .collect();
    Some(match settings.iter().position(|(key, _)| key == "query") {
        Some(at) => Request {
            sql: settings.remove(at).1,
            settings,
            data: body,
        },
        None => Request {
            sql: String::from_utf8(body).unwrap(),
            settings,
            data: Vec::new(),
        },
    })
}

async fn read_exactly(stream: &mut TcpStream, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.ok()?;
    Some(bytes)
}

async fn read_chunks(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(stream.read_u8().await.ok()?);
        }
        let length = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
        let chunk = read_exactly(stream, length + 2).await?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(&chunk[..length]);
    }
}

/// `%3A` and `+`, as forms are written.
fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        bytes.push(match first {
            b'+' => b' ',
            b'%' => {
                let (hex, tail) = rest.split_at(2);
                rest = tail;
                u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap()
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).unwrap()
}
