//! Texts with wildcards: `*` is any text and `?` one character; case counts.

/// A part of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    AnyText,
    AnyCharacter,
    Character(char),
}

impl Part {
    fn of(c: char) -> Self {
        match c {
            '*' => Self::AnyText,
            '?' => Self::AnyCharacter,
            c => Self::Character(c),
        }
    }

    fn is(self, c: char) -> bool {
        self == Self::AnyCharacter || self == Self::Character(c)
    }
}

/// Whether a text is as the value of a filter wants it: behind a backslash a wildcard, or a backslash, is itself
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html>).
pub(crate) fn selects(value: &str, text: &str) -> bool {
    let (mut parts, mut rest) = (Vec::new(), value.chars().peekable());
    while let Some(c) = rest.next() {
        let escaped = rest.next_if(|next| c == '\\' && matches!(next, '*' | '?' | '\\'));
        parts.push(escaped.map_or_else(|| Part::of(c), Part::Character));
    }
    fits(&parts, text)
}

/// As [`selects`], where a backslash is a character as any other: a policy's actions, resources and `StringLike`.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    fits(&pattern.chars().map(Part::of).collect::<Vec<_>>(), text)
}

fn fits(parts: &[Part], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut seen, mut star) = (0, 0, None);
    while seen < text.len() {
        match parts.get(at) {
            Some(Part::AnyText) => {
                star = Some((at, seen));
                at += 1;
            }
            Some(part) if part.is(text[seen]) => (at, seen) = (at + 1, seen + 1),
            // The last star takes one character more.
            _ => match star {
                Some((of, from)) => {
                    star = Some((of, from + 1));
                    (at, seen) = (of + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    parts[at..].iter().all(|part| *part == Part::AnyText)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_match_as_in_a_shell() {
        for (pattern, text) in [("*", ""), ("a*c", "abbc"), ("a?c", "abc"), ("*b*", "abc"), ("web-*-1", "web-x-1-1")] {
            assert!(matches(pattern, text) && selects(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("?", ""), ("a*c", "abcd"), ("A", "a"), ("a", "ab")] {
            assert!(!matches(pattern, text) && !selects(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn behind_a_backslash_a_filters_wildcard_is_itself() {
        for (value, text) in [(r"\*amazon\?\\", r"*amazon?\"), (r"a\*b*", "a*bc"), (r"C:\x", r"C:\x"), (r"\", r"\")] {
            assert!(selects(value, text), "{value} {text}");
        }
        for (value, text) in [(r"a\*c", "abc"), (r"a\?", "ab"), (r"\*", r"\*"), (r"\\*", "*")] {
            assert!(!selects(value, text), "{value} {text}");
        }
        assert!(matches(r"\*", r"\x") && !matches(r"\*", "*"));
    }
}
