use super::*;
use std::error::Error as _;

#[test]
fn a_code_is_read_as_it_is_written() {
    for code in Code::KNOWN {
        assert_eq!(&Code::from_text(code.as_str()), code);
    }
}
