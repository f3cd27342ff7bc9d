//! What a key that nobody knows was most likely meant to be.

/// The known key that an unknown one is nearest to: within two edits, one for the shortest, case aside.
pub fn nearest<'a>(key: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let key = key.to_lowercase();
    let near = known.into_iter().filter_map(|known| {
        let bound = if known.len() <= 4 { 1 } else { 2 };
        let close = key.len().abs_diff(known.len()) <= bound;
        let edits = if close { distance(&key, &known.to_lowercase()) } else { usize::MAX };
        (edits <= bound).then_some((edits, known))
    });
    near.min_by_key(|&(edits, _)| edits).map(|(_, known)| known)
}

/// The least number of insertions, deletions and replacements that make one text of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_of_the_known_keys_is_named() {
        let known = ["min", "max", "subnetID", "subnetIDs"];
        assert_eq!(nearest("subnetIds", known), Some("subnetIDs"));
        assert_eq!(nearest("subnetId", known), Some("subnetID"));
        assert_eq!(nearest("mim", known), Some("min"));
        assert_eq!(nearest("mtu", known), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
