//! What `kubectl get` prints.

use std::collections::BTreeMap;

/// The rows of a table, each with its cells by the name of their column: the header says where a column begins.
pub(crate) fn rows(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    let columns = columns(header);
    let row = |line: &str| {
        let ends = columns.iter().skip(1).map(|(_, begin)| *begin).chain([line.len()]);
        let cells = columns.iter().zip(ends);
        let cell = |((name, begin), end): (&(String, usize), usize)| {
            let text = line.get(*begin..end.min(line.len())).unwrap_or_default();
            (name.clone(), text.trim().to_owned())
        };
        cells.map(cell).collect()
    };
    lines.map(row).collect()
}

/// The names of the columns, in their order.
pub(crate) fn names(text: &str) -> Vec<String> {
    columns(text.lines().next().unwrap_or_default()).into_iter().map(|(name, _)| name).collect()
}

fn columns(header: &str) -> Vec<(String, usize)> {
    let names = header.split("  ").map(str::trim).filter(|name| !name.is_empty());
    let mut from = 0;
    let place = |name: &str| {
        let begin = from + header[from..].find(name).unwrap_or_default();
        from = begin + name.len();
        (name.to_owned(), begin)
    };
    names.map(place).collect()
}
