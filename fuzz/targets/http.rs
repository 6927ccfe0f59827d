//! A camera's answer over HTTP with its header, in pieces whose size is the first byte of the input.
#![no_main]

use libfuzzer_sys::fuzz_target;
use passerby_capture::fuzzing::answer;
use passerby_fuzz::{pictures, watch};

const LIMIT: usize = 1 << 12;

fuzz_target!(init: watch(), |data: &[u8]| {
    let [first, answered @ ..] = data else { return };
    let whole = answer(answered, answered.len(), LIMIT);
    pictures(whole.as_deref().unwrap_or_default(), LIMIT, answered.len());
    assert!(whole == answer(answered, usize::from(*first) + 1, LIMIT), "pieces matter");
});
