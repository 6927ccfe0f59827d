//! A MOTChallenge file of detections: it is read, or refused with one of its lines.
#![no_main]

extern crate self as passerby;

#[path = "../../../crates/cli/src/track/detections.rs"]
mod detections;

use libfuzzer_sys::fuzz_target;
pub use passerby_types as types;

fuzz_target!(|data: &[u8]| {
    let lines = data.split(|&byte| byte == b'\n').count();
    match detections::parse(data) {
        Ok(frames) => {
            assert!(frames.values().map(Vec::len).sum::<usize>() <= lines);
            for face in frames.values().flatten() {
                assert!(face.score.is_finite() || face.score.is_infinite(), "{}", face.score);
            }
        }
        Err((line, what)) => {
            assert!((1..=lines).contains(&line), "line {line} of {lines}: {what}");
            assert!(!what.is_empty() && !what.contains(char::is_control), "{what:?}");
        }
    }
});
