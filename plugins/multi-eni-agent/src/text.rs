//! Texts of others, which may have many lines and any length.

/// The text in one line.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// [`one_line`], and at most so many bytes of it.
pub(crate) fn short(text: &str, most: usize) -> String {
    let mut line = one_line(text);
    line.truncate(line.floor_char_boundary(most));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_line_and_no_letter_of_it_is_cut_in_two() {
        assert_eq!(one_line(" a\n  b\t"), "a b");
        assert_eq!(short("a\n  b", 10), "a b");
        assert_eq!(short("aä", 2), "a");
        assert_eq!(short(&"ä".repeat(1000), 301).len(), 300);
    }
}
