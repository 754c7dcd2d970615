//! A secret from standard input. On a terminal nothing of it is shown.

use std::io::{self, IsTerminal, Read, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tapeline_secrets::Secret;

use crate::failure::Failure;

const LONGEST: usize = 64 << 10;
const INTERRUPT: u8 = 3;
const END: u8 = 4;
const BACKSPACES: [u8; 2] = [8, 127];

pub(in crate::commands) fn secret(name: &str) -> Result<Secret, Failure> {
    let failed = |error: io::Error| Failure::Usage(format!("standard input: {error}"));
    let stdin = io::stdin();
    let text = if stdin.is_terminal() {
        let _quiet = Quiet::begin().map_err(failed)?;
        ask(name, &mut stdin.lock()).map_err(failed)?
    } else {
        // As long as can be from the start: a text that grows leaves copies behind.
        let mut text = String::with_capacity(LONGEST + 3);
        let mut bounded = stdin.lock().take(LONGEST as u64 + 3);
        bounded.read_to_string(&mut text).map_err(failed)?;
        text
    };
    let secret = Secret::from_line(text);
    if secret.is_empty() {
        let message = "no secret on standard input; type it, or redirect a file to it";
        return Err(Failure::Usage(message.to_owned()));
    }
    Ok(secret)
}

fn ask(name: &str, input: &mut impl Read) -> io::Result<String> {
    let mut terminal = io::stderr();
    write!(terminal, "{name}, which is not shown: ")?;
    let line = line(input);
    writeln!(terminal)?;
    line
}

/// Up to Enter. The terminal does nothing by itself, so that its state can be put back.
fn line(input: &mut impl Read) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(LONGEST);
    let mut next = [0];
    loop {
        match input.read(&mut next)? {
            0 => break,
            _ => match next[0] {
                b'\n' | b'\r' | END => break,
                INTERRUPT => return Err(io::Error::other("interrupted")),
                byte if BACKSPACES.contains(&byte) => remove_last(&mut bytes),
                byte if bytes.len() < LONGEST => bytes.push(byte),
                _ => return Err(io::Error::other("the secret is longer than 64 KiB")),
            },
        }
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("the secret is not UTF-8 text"))
}

/// A character of UTF-8 may be several bytes.
fn remove_last(bytes: &mut Vec<u8>) {
    while let Some(byte) = bytes.pop() {
        if byte & 0xC0 != 0x80 {
            break;
        }
    }
}

/// While it lives, the terminal shows nothing that is typed.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        let off = LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        quiet.local_modes.remove(off);
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _gone = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_edited_and_ends_with_enter() {
        let typed = |bytes: &[u8]| line(&mut &*bytes).map_err(|error| error.to_string());
        assert_eq!(typed(b"s3cret\rrest").unwrap(), "s3cret");
        assert_eq!(typed("a\u{fc}\u{7f}b\n".as_bytes()).unwrap(), "ab");
        assert_eq!(typed(b"\x7f\x08ab\x04").unwrap(), "ab");
        assert_eq!(typed(b"").unwrap(), "");
        assert_eq!(typed(b"s3cret\x03").unwrap_err(), "interrupted");
        assert!(!typed(b"\xffs3cret\n").unwrap_err().contains("s3cret"));
        let long = vec![b'x'; LONGEST + 1];
        assert!(typed(&long).unwrap_err().contains("64 KiB"));
    }
}
