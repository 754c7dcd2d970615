//! What differs between two texts, line by line.

/// The most lines that are shown.
const MOST: usize = 20;

/// Lines only the first has, with `-`, and lines only the second has, with `+`, from the first
/// difference to the last.
pub(crate) fn difference(before: &str, now: &str) -> Vec<String> {
    let before: Vec<&str> = before.lines().collect();
    let now: Vec<&str> = now.lines().collect();
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = before.iter().zip(&now).take_while(same).count();
    let (before, now) = (&before[head..], &now[head..]);
    let tail = before.iter().rev().zip(now.iter().rev()).take_while(same);
    let tail = tail.count();
    let removed = before[..before.len() - tail]
        .iter()
        .map(|line| format!("- {line}"));
    let added = now[..now.len() - tail]
        .iter()
        .map(|line| format!("+ {line}"));
    let mut lines: Vec<String> = removed.chain(added).collect();
    if lines.len() > MOST {
        let rest = lines.len() - MOST;
        lines.truncate(MOST);
        lines.push(format!("and {rest} more lines"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown() {
        assert_eq!(difference("a\nb\nc", "a\nx\ny\nc"), ["- b", "+ x", "+ y"]);
        assert_eq!(difference("a\na", "a"), ["- a"]);
        assert_eq!(difference("", "a"), ["+ a"]);
        assert!(difference("a\nb", "a\nb").is_empty());
    }

    #[test]
    fn long_differences_are_cut() {
        let long = "line\n".repeat(100);
        let lines = difference(&long, "");
        assert_eq!(lines.len(), MOST + 1);
        assert_eq!(lines[MOST], "and 80 more lines");
    }
}
