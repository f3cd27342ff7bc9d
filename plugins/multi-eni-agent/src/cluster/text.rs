//! Texts that do not grow with the cluster.

use std::fmt::Display;

use crate::text;

/// The most bytes of one message.
const MOST_BYTES: usize = 300;
/// The most of a list.
const MOST_ITEMS: usize = 5;

/// The text in one line, cut where it is too long.
pub(crate) fn short(text: &str) -> String {
    text::short(text, MOST_BYTES)
}

/// The first few, and how many more there are.
pub(crate) fn first<T: Display>(all: &[T]) -> String {
    let listed: Vec<String> = all.iter().take(MOST_ITEMS).map(ToString::to_string).collect();
    match all.len().saturating_sub(MOST_ITEMS) {
        0 => listed.join(", "),
        more => format!("{} and {more} more", listed.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_line_of_bounded_length() {
        assert_eq!(short("a\n  b"), "a b");
        assert!(short(&"ä".repeat(1000)).len() <= MOST_BYTES);
    }

    #[test]
    fn a_list_is_cut_and_says_so() {
        assert_eq!(first::<u32>(&[]), "");
        assert_eq!(first(&[1, 2, 3, 4, 5]), "1, 2, 3, 4, 5");
        assert_eq!(first(&[1, 2, 3, 4, 5, 6, 7]), "1, 2, 3, 4, 5 and 2 more");
    }
}
