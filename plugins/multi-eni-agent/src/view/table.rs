//! Columns that stand under each other.

use std::fmt::Write;

/// Rows of cells under a head. A column that no row has anything in is left out.
#[derive(Debug)]
pub(super) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

const NOTHING: &str = "-";
const GAP: usize = 2;

impl Table {
    pub(super) fn new(head: &[&'static str]) -> Self {
        Self { head: head.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; an empty cell is shown as `-`.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        let shown = |cell: String| if cell.is_empty() { NOTHING.to_string() } else { one_line(&cell) };
        self.rows.push(cells.into_iter().map(shown).collect());
    }

    /// Writes the table; nothing at all without rows.
    pub(super) fn write(&self, out: &mut String) {
        if self.rows.is_empty() {
            return;
        }
        let columns: Vec<(usize, usize)> = (0..self.head.len())
            .filter(|&column| self.rows.iter().any(|row| row.get(column).is_some_and(|cell| cell != NOTHING)))
            .map(|column| (column, self.width(column)))
            .collect();
        let line = |out: &mut String, cell: &dyn Fn(usize) -> String| {
            let mut text = String::new();
            for &(column, width) in &columns {
                // Writing to a string never fails.
                let _infallible = write!(text, "{:width$}", cell(column), width = width + GAP);
            }
            out.push_str(text.trim_end());
            out.push('\n');
        };
        line(out, &|column| self.head.get(column).copied().unwrap_or_default().to_string());
        for row in &self.rows {
            line(out, &|column| row.get(column).cloned().unwrap_or_default());
        }
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        let head = self.head.get(column).map_or(0, |head| head.chars().count());
        cells.max().unwrap_or_default().max(head)
    }
}

/// Names that a runtime passed on, and errors, must neither break a line nor speak to the terminal.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
