//! `multipart/form-data`: the query and its parameters as form fields.

use super::exception::Exception;

/// The fields of a form, in order. Files (external tables) are not supported.
pub(super) fn fields(content_type: &str, body: &[u8]) -> Result<Vec<(String, String)>, Exception> {
    let broken = |what: &str| Exception::bad_argument(&format!("Broken multipart form: {what}"));
    let boundary = content_type
        .split(';')
        .find_map(|part| part.trim().strip_prefix("boundary="))
        .map(|value| value.trim_matches('"'))
        .filter(|value| !value.is_empty())
        .ok_or_else(|| broken("no boundary"))?;
    let marker = format!("\r\n--{boundary}");
    let mut rest = body
        .strip_prefix(&marker.as_bytes()[2..])
        .ok_or_else(|| broken("it does not begin with its boundary"))?;
    let mut fields = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Ok(fields);
        }
        rest = rest
            .strip_prefix(b"\r\n")
            .ok_or_else(|| broken("no line break after a boundary"))?;
        let head_end = find(rest, b"\r\n\r\n").ok_or_else(|| broken("a field without a value"))?;
        let head = String::from_utf8_lossy(&rest[..head_end]).into_owned();
        rest = &rest[head_end + 4..];
        let end = find(rest, marker.as_bytes()).ok_or_else(|| broken("a field without an end"))?;
        let name = attribute(&head, "name").ok_or_else(|| broken("a field without a name"))?;
        if attribute(&head, "filename").is_some() {
            return Err(Exception::unsupported(
                "external tables (files in a form) are not supported by the embedded store; insert into a table first",
            ));
        }
        let value = String::from_utf8(rest[..end].to_vec())
            .map_err(|_| broken(&format!("the field {name} is not UTF-8")))?;
        fields.push((name, value));
        rest = &rest[end + marker.len()..];
    }
}

fn attribute(head: &str, name: &str) -> Option<String> {
    head.split([';', '\n'])
        .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix("=\""))
        .and_then(|value| value.split('"').next())
        .map(str::to_owned)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KIND: &str = "multipart/form-data; boundary=XX";

    #[test]
    fn query_and_parameters_are_read() {
        let body = b"--XX\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nselect {a:String}\r\n--XX\r\nContent-Disposition: form-data; name=\"param_a\"\r\n\r\nx\r\ny\r\n--XX--\r\n";
        let found = fields(KIND, body).unwrap();
        assert_eq!(found[0], ("query".into(), "select {a:String}".into()));
        assert_eq!(found[1], ("param_a".into(), "x\r\ny".into()));
    }

    #[test]
    fn files_and_nonsense_are_refused() {
        let file = b"--XX\r\nContent-Disposition: form-data; name=\"t\"; filename=\"t\"\r\n\r\n1\r\n--XX--\r\n";
        assert_eq!(fields(KIND, file).unwrap_err().code, 48);
        assert!(fields("multipart/form-data", b"").is_err());
    }

    proptest! {
        #[test]
        fn noise_is_refused_quietly(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = fields(KIND, &[b"--XX\r\n".as_slice(), &body].concat());
        }
    }
}
