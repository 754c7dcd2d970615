//! The code in a message that a person would read.

use std::fmt;
use std::ops::RangeInclusive;

use zeroize::Zeroizing;

/// A code on its way from a message to the venue. It is shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(Zeroizing<String>);

impl Code {
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// For the request to the venue, and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(***)")
    }
}

/// What a venue's codes look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The host that a code is bound to, if the message names one (`@host #code`).
    pub host: String,
    pub digits: RangeInclusive<usize>,
}

impl Expected {
    /// Of any length that codes have.
    pub fn of(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            digits: 4..=8,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeSearch {
    Code(Code),
    Nothing,
    /// Bound to another host: somebody else's, or a forgery.
    Foreign,
    /// Several could be meant, and a wrong one costs an attempt.
    Ambiguous,
}

/// A message longer than this is no message with a code.
const LONGEST: usize = 64 << 10;
const WORDS: [&str; 10] = [
    "code",
    "passcode",
    "password",
    "pin",
    "otp",
    "verification",
    "verify",
    "security",
    "authentication",
    "login",
];

/// A line that binds the code to a host goes before everything else; without one, there must be
/// one candidate and a word that says what it is.
pub fn find(text: &str, expected: &Expected) -> CodeSearch {
    if text.len() > LONGEST {
        return CodeSearch::Nothing;
    }
    if let Some((host, code)) = text
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .and_then(bound)
    {
        return match code {
            _ if !host.eq_ignore_ascii_case(&expected.host) => CodeSearch::Foreign,
            code => CodeSearch::Code(Code::new(code)),
        };
    }
    let lower = text.to_ascii_lowercase();
    let has_word = lower
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| WORDS.contains(&word));
    if !has_word {
        return CodeSearch::Nothing;
    }
    let mut candidates: Vec<String> = numbers(text)
        .filter(|digits| expected.digits.contains(&digits.len()))
        .collect();
    candidates.sort_unstable();
    candidates.dedup();
    match candidates.len() {
        0 => CodeSearch::Nothing,
        1 => CodeSearch::Code(Code::new(candidates.remove(0))),
        _ => CodeSearch::Ambiguous,
    }
}

/// Host and code of `@host #code` (after which ` %host` may follow).
fn bound(line: &str) -> Option<(&str, &str)> {
    let mut parts = line.trim_end().strip_prefix('@')?.split(' ');
    let host = parts.next().filter(|host| !host.is_empty())?;
    let code = parts
        .next()?
        .strip_prefix('#')
        .filter(|code| !code.is_empty())?;
    let is_rest_a_host = parts.all(|part| part.starts_with('%'));
    is_rest_a_host.then_some((host, code))
}

/// Numbers that stand by themselves; `123-456` and `123 456` count as one. Those that belong to a
/// date, a time, an amount or a telephone number do not.
fn numbers(text: &str) -> impl Iterator<Item = String> + '_ {
    let words = text.split(|c: char| c.is_whitespace() || "()[]<>\"'“”".contains(c));
    let words: Vec<&str> = words
        .map(|word| word.trim_matches(|c: char| ".,;:!?*#=".contains(c)))
        .filter(|word| !word.is_empty())
        .collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let half = |at: usize| {
            words
                .get(at)
                .filter(|word| word.len() == 3 && is_number(word))
        };
        // Two groups of three are one code; three of them are a telephone number.
        if let (Some(first), Some(second)) = (half(at), half(at + 1)) {
            let before = at.checked_sub(1).is_some_and(|at| is_number(words[at]));
            let after = words.get(at + 2).is_some_and(|word| is_number(word));
            if !before && !after {
                found.push(format!("{first}{second}"));
            }
            at += 2;
            while words.get(at).is_some_and(|word| is_number(word)) {
                at += 1;
            }
            continue;
        }
        // `G-123456` is how some senders write theirs.
        let word = words[at].strip_prefix("G-").unwrap_or(words[at]);
        if is_number(word) {
            found.push(word.to_owned());
        } else if let Some((first, second)) = word.split_once('-')
            && first.len() == second.len()
            && is_number(first)
            && is_number(second)
        {
            found.push(format!("{first}{second}"));
        }
        at += 1;
    }
    found.into_iter()
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> CodeSearch {
        find(text, &Expected::of("broker.example"))
    }

    fn code(text: &str) -> CodeSearch {
        CodeSearch::Code(Code::new(text))
    }

    #[test]
    fn a_line_bound_to_the_host_goes_before_everything() {
        let text = "Your code is 111111. Not 222222.\n\n@broker.example #747723";
        assert_eq!(found(text), code("747723"));
        assert_eq!(
            found("@broker.example #A1b2 %frame.example\n"),
            code("A1b2")
        );
        assert_eq!(
            found("Your code is 111111\n@evil.example #111111"),
            CodeSearch::Foreign
        );
        assert_eq!(
            found("code 123456\n@broker.example.evil #123456"),
            CodeSearch::Foreign
        );
        let earlier = "@broker.example #747723\nYour code is 123456";
        assert_eq!(
            found(earlier),
            CodeSearch::Ambiguous,
            "only the last line binds"
        );
    }

    #[test]
    fn one_candidate_and_a_word_are_needed() {
        assert_eq!(found("Your verification code is 123456."), code("123456"));
        assert_eq!(found("G-123456 is your code"), code("123456"));
        assert_eq!(found("code: 123-456"), code("123456"));
        assert_eq!(found("Use code 123 456 to log in"), code("123456"));
        assert_eq!(found("code 123456, again: 123456"), code("123456"));
        assert_eq!(found("123456"), CodeSearch::Nothing);
        assert_eq!(found("your code is secret"), CodeSearch::Nothing);
        assert_eq!(found("code 123 or 123456789"), CodeSearch::Nothing);
        assert_eq!(found("code 123456 or code 654321"), CodeSearch::Ambiguous);
    }

    #[test]
    fn amounts_dates_times_and_telephones_are_no_codes() {
        let text = "Login code 482913 on 2026-11-22 at 10:15 for $1,250.00, call +1 800 555 0100 or 800 555 0100";
        let six = Expected {
            digits: 6..=6,
            ..Expected::of("broker.example")
        };
        assert_eq!(find(text, &six), code("482913"));
    }

    #[test]
    fn a_code_is_shown_to_nobody() {
        assert_eq!(format!("{:?}", found("code 123456")), "Code(Code(***))");
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,300}") {
            found(&text);
        }

        #[test]
        fn a_code_among_words_is_found(digits in "[0-9]{4,8}", before in "[a-z ]{0,40}", after in "[a-z ]{0,40}") {
            let text = format!("{before} code {digits} {after}");
            prop_assert_eq!(found(&text), code(&digits));
        }
    }
}
