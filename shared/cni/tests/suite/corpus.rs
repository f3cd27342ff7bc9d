//! Odd inputs that were met once, each as a file of `tests/corpus/`, replayed under each verb.

use std::fs;
use std::path::Path;

use crate::call::Call;
use crate::properties::well_formed;

#[test]
fn every_input_of_the_corpus_ends_in_one_document() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stdin = fs::read(&path).unwrap();
        for verb in ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"] {
            let outcome = well_formed(&Call::of(verb).stdin(stdin.clone()));
            assert!(outcome.is_ok(), "{verb} of {}: {outcome:?}", path.display());
        }
        count += 1;
    }
    assert!(count >= 30, "only {count} inputs were found");
}
