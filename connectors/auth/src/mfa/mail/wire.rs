//! IMAP on the wire: commands out, responses in, each within bounds. `imap-proto` knows what a
//! response means; where it ends is found here, so that no server makes us hold or nest without end.

use std::time::Duration;

use imap_proto::{AttributeValue, Capability, MailboxDatum, Response, ResponseCode, Status};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// The most of a mail that is asked for.
pub(super) const LONGEST_MAIL: usize = 64 << 10;
/// A mail, and what stands around it.
const LONGEST: usize = LONGEST_MAIL + (16 << 10);
/// The parser follows each bracket into the next.
const DEEPEST: usize = 16;
/// To one command; a mailbox that gets so many mails at once is no place for codes.
const MOST_RESPONSES: usize = 4096;
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(30);

pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WireError {
    Lost,
    Slow,
    TooMuch,
    Garbled,
}

/// What is of interest of a response.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ServerResponse {
    Greeting,
    Bye,
    /// The server waits for more of the command.
    GoOn,
    /// The command with this tag is done, and whether well.
    Done(String, bool),
    Able(Vec<String>),
    Exists(u32),
    UidValidity(u32),
    FetchedMail(FetchedMail),
    Other,
}

/// How a command goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Further {
    GoOn,
    Done(bool),
}

#[derive(Default, PartialEq, Eq)]
pub(super) struct FetchedMail {
    pub uid: Option<u32>,
    pub date: Option<String>,
    pub body: Option<Vec<u8>>,
}

/// Not what is in it.
impl std::fmt::Debug for FetchedMail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fetched({:?})", self.uid)
    }
}

pub(super) struct Wire {
    stream: Box<dyn Stream>,
    buffer: Zeroizing<Vec<u8>>,
    commands: u32,
}

impl Wire {
    pub fn new(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            buffer: Zeroizing::default(),
            commands: 0,
        }
    }

    /// Sends a command and hands what is said to `hear`, until it is done; whether well.
    pub async fn ask(
        &mut self,
        command: &str,
        hear: impl FnMut(ServerResponse),
    ) -> Result<bool, WireError> {
        let tag = self.begin(command).await?;
        self.done(&tag, hear).await
    }

    /// Sends a command, and gives its tag.
    pub async fn begin(&mut self, command: &str) -> Result<String, WireError> {
        self.commands += 1;
        let tag = format!("T{}", self.commands);
        self.say(&format!("{tag} {command}")).await?;
        Ok(tag)
    }

    /// A line of a command.
    pub async fn say(&mut self, line: &str) -> Result<(), WireError> {
        let line = Zeroizing::new(format!("{line}\r\n"));
        let saying = async {
            self.stream.write_all(line.as_bytes()).await?;
            self.stream.flush().await
        };
        let said = timeout(ANSWER_WITHIN, saying).await;
        said.map_err(|_| WireError::Slow)?
            .map_err(|_| WireError::Lost)
    }

    pub async fn done(
        &mut self,
        tag: &str,
        mut hear: impl FnMut(ServerResponse),
    ) -> Result<bool, WireError> {
        self.until(|said| match said {
            ServerResponse::Done(of, is_well) if of == tag => Some(is_well),
            said => {
                hear(said);
                None
            }
        })
        .await
    }

    /// Until the server waits for more, or is done without.
    pub async fn further(&mut self, tag: &str) -> Result<Further, WireError> {
        self.until(|said| match said {
            ServerResponse::GoOn => Some(Further::GoOn),
            ServerResponse::Done(of, is_well) if of == tag => Some(Further::Done(is_well)),
            _ => None,
        })
        .await
    }

    async fn until<T>(
        &mut self,
        mut decide: impl FnMut(ServerResponse) -> Option<T>,
    ) -> Result<T, WireError> {
        let hearing = async {
            for _ in 0..MOST_RESPONSES {
                match self.next().await? {
                    ServerResponse::Bye => return Err(WireError::Lost),
                    said => {
                        if let Some(decided) = decide(said) {
                            return Ok(decided);
                        }
                    }
                }
            }
            Err(WireError::TooMuch)
        };
        timeout(ANSWER_WITHIN, hearing)
            .await
            .unwrap_or(Err(WireError::Slow))
    }

    /// The next response, however long it takes. What was read is kept when this is dropped.
    pub async fn next(&mut self) -> Result<ServerResponse, WireError> {
        loop {
            if let Some(length) = length_of_first(&self.buffer)? {
                let said = read(&self.buffer[..length]);
                self.buffer.drain(..length);
                return said;
            }
            if self.buffer.len() > LONGEST {
                return Err(WireError::TooMuch);
            }
            let read = self.stream.read_buf(&mut *self.buffer).await;
            if read.map_err(|_| WireError::Lost)? == 0 {
                return Err(WireError::Lost);
            }
        }
    }
}

/// How long the first response is, with its literals; None where more is to come.
fn length_of_first(buffer: &[u8]) -> Result<Option<usize>, WireError> {
    let (mut at, mut depth) = (0, 0);
    loop {
        let rest = buffer.get(at..).unwrap_or_default();
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            return Ok(None);
        };
        let line = &rest[..end];
        depth = depth_after(depth, line)?;
        at += end + 1;
        match literal(line)? {
            Some(literal) => at += literal,
            None => return Ok(Some(at)),
        }
        if at > LONGEST {
            return Err(WireError::TooMuch);
        }
    }
}

fn depth_after(depth: usize, line: &[u8]) -> Result<usize, WireError> {
    let mut depth = depth;
    for byte in line {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Err(WireError::Garbled);
        }
    }
    Ok(depth)
}

/// A line that ends with `{n}` is followed by n bytes that belong to it.
fn literal(line: &[u8]) -> Result<Option<usize>, WireError> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Some(inner) = line.strip_suffix(b"}") else {
        return Ok(None);
    };
    let digits = inner.iter().rev().take_while(|byte| byte.is_ascii_digit());
    let (rest, digits) = inner.split_at(inner.len() - digits.count());
    if digits.is_empty() || !rest.ends_with(b"{") {
        return Ok(None);
    }
    let length = std::str::from_utf8(digits)
        .ok()
        .and_then(|n| n.parse().ok());
    match length {
        Some(length) if length <= LONGEST => Ok(Some(length)),
        _ => Err(WireError::TooMuch),
    }
}

fn read(response: &[u8]) -> Result<ServerResponse, WireError> {
    let mended = mended(response);
    let response = mended.as_deref().unwrap_or(response);
    let said = match Response::parse(response) {
        Ok((_, response)) => said(response),
        // Extensions that nobody asked for.
        Err(_) if response.starts_with(b"* ") => ServerResponse::Other,
        Err(_) if response.starts_with(b"+") => ServerResponse::GoOn,
        Err(_) => return Err(WireError::Garbled),
    };
    Ok(said)
}

/// Some servers forget the space in `BODY[]<0> {12}`.
fn mended(response: &[u8]) -> Option<Vec<u8>> {
    let end = response.iter().position(|byte| *byte == b'\n')?;
    let at = response[..end].windows(2).position(|pair| pair == b">{")?;
    let (start, rest) = response.split_at(at + 1);
    Some([start, b" ", rest].concat())
}

fn said(response: Response<'_>) -> ServerResponse {
    match response {
        Response::Continue(_) => ServerResponse::GoOn,
        Response::Done { tag, status, .. } => ServerResponse::Done(tag.0, status == Status::Ok),
        Response::Data {
            status: Status::Bye,
            ..
        } => ServerResponse::Bye,
        Response::Data { outcome, status } => match outcome.code {
            Some(ResponseCode::UidValidity(validity)) => ServerResponse::UidValidity(validity),
            _ if matches!(status, Status::Ok | Status::PreAuth) => ServerResponse::Greeting,
            _ => ServerResponse::Other,
        },
        Response::Capabilities(all) => ServerResponse::Able(all.iter().map(name).collect()),
        Response::MailboxData(MailboxDatum::Exists(count)) => ServerResponse::Exists(count),
        Response::Fetch(_, attributes) => ServerResponse::FetchedMail(fetched(attributes)),
        _ => ServerResponse::Other,
    }
}

fn name(capability: &Capability<'_>) -> String {
    match capability {
        Capability::Imap4rev1 => "IMAP4REV1".to_owned(),
        Capability::Auth(way) => format!("AUTH={}", way.to_ascii_uppercase()),
        Capability::Atom(name) => name.to_ascii_uppercase(),
    }
}

fn fetched(attributes: Vec<AttributeValue<'_>>) -> FetchedMail {
    let mut fetched = FetchedMail::default();
    for attribute in attributes {
        match attribute {
            AttributeValue::Uid(uid) => fetched.uid = Some(uid),
            AttributeValue::InternalDate(date) => fetched.date = Some(date.into_owned()),
            AttributeValue::BodySection {
                section: None,
                data: Some(data),
                ..
            } => fetched.body = Some(data.into_owned()),
            _ => {}
        }
    }
    fetched
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::duplex;

    use super::*;

    /// Everything that is heard of this, up to what is wrong with it.
    async fn heard(text: &[u8]) -> (Vec<ServerResponse>, WireError) {
        let (mut server, client) = duplex(1 << 20);
        server.write_all(text).await.unwrap();
        drop(server);
        let mut wire = Wire::new(Box::new(client));
        let mut all = Vec::new();
        loop {
            match wire.next().await {
                Ok(said) => all.push(said),
                Err(error) => return (all, error),
            }
        }
    }

    #[tokio::test]
    async fn responses_with_their_literals() {
        let text = b"* OK [CAPABILITY IMAP4rev1] hello\r\n\
            * CAPABILITY IMAP4rev1 IDLE auth=plain\r\n* 100000 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n\
            * 3 FETCH (UID 12 INTERNALDATE \"22-Nov-2026 10:00:00 +0000\" BODY[]<0> {13}\r\n(((a\r\n) {9}\r\n)\r\n\
            * X-NEW thing (1 2)\r\n+ idling\r\n+\r\nT1 OK done\r\nT2 NO [AUTHENTICATIONFAILED] no\r\n* BYE\r\n";
        let (said, end) = heard(text).await;
        let fetched = FetchedMail {
            uid: Some(12),
            date: Some("22-Nov-2026 10:00:00 +0000".to_owned()),
            body: Some(b"(((a\r\n) {9}\r\n".to_vec()),
        };
        let able = ["IMAP4REV1", "IDLE", "AUTH=PLAIN"].map(str::to_owned);
        let done = |tag: &str, is_well| ServerResponse::Done(tag.to_owned(), is_well);
        let expected = [
            ServerResponse::Greeting,
            ServerResponse::Able(able.to_vec()),
            ServerResponse::Exists(100_000),
            ServerResponse::UidValidity(7),
            ServerResponse::FetchedMail(fetched),
            ServerResponse::Other,
            ServerResponse::GoOn,
            ServerResponse::GoOn,
            done("T1", true),
            done("T2", false),
            ServerResponse::Bye,
        ];
        assert_eq!(said, expected);
        assert_eq!(end, WireError::Lost);
    }

    #[tokio::test]
    async fn a_space_that_a_server_forgot_is_no_matter() {
        let (said, _) = heard(b"* 1 FETCH (UID 12 BODY[]<0>{3}\r\na>{)\r\n").await;
        let fetched = FetchedMail {
            uid: Some(12),
            date: None,
            body: Some(b"a>{".to_vec()),
        };
        assert_eq!(said, [ServerResponse::FetchedMail(fetched)]);
    }

    #[tokio::test]
    async fn nothing_is_held_or_nested_without_end() {
        let endless = vec![b'a'; 1 << 19];
        assert_eq!(heard(&endless).await.1, WireError::TooMuch);
        let huge = b"* 1 FETCH (BODY[] {999999999999}\r\n";
        assert_eq!(heard(huge).await.1, WireError::TooMuch);
        let literals = "* 1 FETCH (A {60000}\r\n".to_owned() + &"a".repeat(60_000);
        let twice = literals + " B {60000}\r\n";
        assert_eq!(heard(twice.as_bytes()).await.1, WireError::TooMuch);
        let deep = format!("* 1 FETCH (BODYSTRUCTURE {}\r\n", "(".repeat(10_000));
        assert_eq!(heard(deep.as_bytes()).await.1, WireError::Garbled);
        let split = format!(
            "* 1 FETCH (BODYSTRUCTURE {}{{1}}\r\n({}\r\n",
            "(".repeat(9),
            "(".repeat(9)
        );
        assert_eq!(heard(split.as_bytes()).await.1, WireError::Garbled);
        assert_eq!(
            heard(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.1,
            WireError::Garbled
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_says_nothing_or_too_much_is_given_up() {
        let (_server, client) = duplex(1024);
        let mut wire = Wire::new(Box::new(client));
        assert_eq!(wire.ask("NOOP", drop).await, Err(WireError::Slow));
        let (mut server, client) = duplex(1 << 20);
        server
            .write_all("* 1 EXISTS\r\n".repeat(5000).as_bytes())
            .await
            .unwrap();
        let mut wire = Wire::new(Box::new(client));
        assert_eq!(wire.ask("NOOP", drop).await, Err(WireError::TooMuch));
    }

    proptest! {
        #[test]
        fn any_response_is_read(text in "(\\* |\\+ |T1 )?[A-Z0-9 (){}\\[\\]\"\r\n<>*-]{0,120}\r\n") {
            if let Ok(Some(length)) = length_of_first(text.as_bytes())
                && length <= text.len()
            {
                let _said = read(&text.as_bytes()[..length]);
            }
        }
    }
}
