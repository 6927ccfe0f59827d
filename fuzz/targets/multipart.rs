//! A multipart body in any pieces.
//!
//! The first byte of the input chooses the boundary that the header declares, the second the pieces' size.
#![no_main]

use libfuzzer_sys::fuzz_target;
use passerby_capture::fuzzing::multipart;
use passerby_fuzz::{pictures, watch};

const LIMIT: usize = 1 << 12;

fuzz_target!(init: watch(), |data: &[u8]| {
    let [first, second, body @ ..] = data else { return };
    let boundary = [None, Some("bound"), Some("--bound"), Some("x")][usize::from(first & 3)];
    let whole = multipart(boundary, body, body.len(), LIMIT);
    pictures(&whole, LIMIT, body.len());
    assert!(whole == multipart(boundary, body, usize::from(*second) + 1, LIMIT), "pieces matter");
});
