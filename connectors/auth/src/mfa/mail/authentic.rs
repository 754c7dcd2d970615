//! What the own mail server found out about the sender (RFC 8601).

/// Whether the domain of a sender vouches for a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Vouched,
    Refuted,
    /// The server did not say.
    Unsaid,
}

/// `headers` are the values of `Authentication-Results`, the topmost first. Only the topmost that
/// bears the server's name is its own: those below came with the mail.
pub(super) fn verdict<'a>(
    headers: impl IntoIterator<Item = &'a str>,
    server: &str,
    domain: &str,
) -> Verdict {
    let mut headers = headers.into_iter().map(parts);
    let own = headers.find(|parts| {
        let name = parts.first().and_then(|first| first.first());
        name.is_some_and(|name| name.eq_ignore_ascii_case(server))
    });
    let Some(own) = own else {
        return Verdict::Unsaid;
    };
    let mut verdict = Verdict::Unsaid;
    for result in own.iter().skip(1).map(|words| Finding::of(words)) {
        match result {
            Some(finding) if finding.vouches_for(domain) => return Verdict::Vouched,
            // One signature that fails may stand beside one that holds.
            Some(finding) if finding.method == "dkim" => verdict = Verdict::Refuted,
            _ => {}
        }
    }
    verdict
}

struct Finding {
    method: String,
    passed: bool,
    /// Who signed, or whose policy it was.
    domains: Vec<String>,
}

impl Finding {
    /// Of `dkim=pass header.d=broker.example`, in words.
    fn of(words: &[String]) -> Option<Self> {
        let (method, result) = words.first()?.split_once('=')?;
        let method = method.split('/').next().unwrap_or_default();
        let properties = words.iter().skip(1).filter_map(|word| word.split_once('='));
        let domains = properties
            .filter(|(name, _)| {
                let known = ["header.d", "header.i", "header.from"];
                known.iter().any(|known| name.eq_ignore_ascii_case(known))
            })
            .map(|(_, value)| value.rsplit('@').next().unwrap_or(value));
        Some(Self {
            method: method.to_ascii_lowercase(),
            passed: result.eq_ignore_ascii_case("pass"),
            domains: domains.map(str::to_ascii_lowercase).collect(),
        })
    }

    fn vouches_for(&self, domain: &str) -> bool {
        let is_proof = self.method == "dkim" || self.method == "dmarc";
        is_proof && self.passed && self.domains.iter().any(|by| are_related(by, domain))
    }
}

/// The same, or one a part of the other.
fn are_related(one: &str, other: &str) -> bool {
    let (one, other) = (one.to_ascii_lowercase(), other.to_ascii_lowercase());
    let is_part = |part: &str, whole: &str| {
        let rest = part.strip_suffix(whole);
        whole.contains('.') && rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    is_part(&one, &other) || is_part(&other, &one)
}

/// The words of each part, without comments and quotes, and with nothing around a `=`.
fn parts(header: &str) -> Vec<Vec<String>> {
    let mut parts = vec![vec![String::new()]];
    let mut depth = 0_usize;
    let mut is_quoted = false;
    let mut chars = header.chars().peekable();
    while let Some(c) = chars.next() {
        let part = parts.len() - 1;
        let words = &mut parts[part];
        let word = words.len() - 1;
        match c {
            '\\' if depth > 0 || is_quoted => {
                let escaped = chars.next();
                if depth == 0 {
                    words[word].extend(escaped);
                }
            }
            '"' if depth == 0 => is_quoted = !is_quoted,
            _ if is_quoted => words[word].push(c),
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            ';' => parts.push(vec![String::new()]),
            c if c.is_whitespace() => {
                let meets_equals = words[word].ends_with('=') || next_is_equals(&mut chars);
                if !words[word].is_empty() && !meets_equals {
                    words.push(String::new());
                }
            }
            c => words[word].push(c),
        }
    }
    for words in &mut parts {
        words.retain(|word| !word.is_empty());
    }
    parts
}

fn next_is_equals(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> bool {
    while chars.next_if(|c| c.is_whitespace()).is_some() {}
    chars.peek() == Some(&'=')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(header: &str) -> Verdict {
        verdict([header], "mx.mine.example", "broker.example")
    }

    #[test]
    fn the_domain_of_the_sender_must_have_signed() {
        for vouched in [
            "mx.mine.example; dkim=pass header.d=broker.example",
            "MX.mine.example 1; spf=fail smtp.mailfrom=x; dkim=pass (2048-bit key; no dkim=fail) header.i=@mail.broker.example header.s=s1",
            "mx.mine.example; dkim=fail header.d=list.example; dkim = pass header.d = BROKER.example",
            "mx.mine.example;\r\n\tdkim=pass reason=\"good; really\" header.d=\"broker.example\"",
            "mx.mine.example; dmarc=pass (p=REJECT) header.from=broker.example",
        ] {
            assert_eq!(one(vouched), Verdict::Vouched, "{vouched}");
        }
        for refuted in [
            "mx.mine.example; dkim=fail header.d=broker.example",
            "mx.mine.example; dkim=none",
            "mx.mine.example; dkim=pass header.d=evil.example",
            "mx.mine.example; dkim=pass header.d=evilbroker.example",
            "mx.mine.example; dkim=pass header.d=example",
            "mx.mine.example; dkim=pass (header.d=broker.example) header.d=evil.example",
            "mx.mine.example; dkim=pass",
            "mx.mine.example; dkim=permerror header.d=broker.example; spf=pass smtp.mailfrom=broker.example",
        ] {
            assert_eq!(one(refuted), Verdict::Refuted, "{refuted}");
        }
        for unsaid in [
            "",
            "mx.mine.example; none",
            "mx.mine.example; spf=pass smtp.mailfrom=broker.example",
            "mx.other.example; dkim=pass header.d=broker.example",
            "(mx.mine.example) mx.evil.example; dkim=pass header.d=broker.example",
        ] {
            assert_eq!(one(unsaid), Verdict::Unsaid, "{unsaid}");
        }
    }

    #[test]
    fn only_the_topmost_of_the_server_counts() {
        let (own, forged) = (
            "mx.mine.example; dkim=none",
            "mx.mine.example; dkim=pass header.d=broker.example",
        );
        let strange = "mx.relay.example; dkim=pass header.d=broker.example";
        let of = |headers: [&str; 3]| verdict(headers, "mx.mine.example", "broker.example");
        assert_eq!(of([strange, own, forged]), Verdict::Refuted);
        assert_eq!(of([strange, forged, own]), Verdict::Vouched);
    }

    proptest! {
        #[test]
        fn any_header_is_read(header in "[a-z=;()\\\\\" .@\r\n\t]{0,120}") {
            one(&header);
        }
    }
}
