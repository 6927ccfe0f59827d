//! The coded frames of an RTSP camera, with any times and losses.
//!
//! The input is an Annex B byte stream. A NAL unit of the unused type 30 describes its access unit. The bits of its
//! first byte say that packets were lost, that no other frame needs the unit, and that its time goes back. Its second
//! byte is the binary logarithm of the time step, in nanoseconds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use passerby_capture::fuzzing::{Arrival, rtsp};
use passerby_fuzz::{starts, units, watch};

fuzz_target!(init: watch(), |data: &[u8]| {
    let units = units(data);
    let mut nanos = 0_i64;
    let all = units.len() as u64;
    let arrivals = units.into_iter().map(|range| {
        let data = &data[range];
        let mut flags = 0;
        let mut step = 40_000_000_i64;
        for mark in starts(data).map(|at| &data[at + 3..]) {
            if let [kind, first, second, ..] = *mark
                && kind & 0x1f == 30
            {
                flags = first;
                step = 1_i64.wrapping_shl(u32::from(second)).wrapping_mul(if first & 4 == 0 { 1 } else { -1 });
            }
        }
        nanos = nanos.wrapping_add(step);
        Arrival { nanos, loss: flags & 1 != 0, disposable: flags & 2 != 0, data }
    });
    let allow_damaged = data.first().is_some_and(|b| b & 1 == 1);
    let outcome = rtsp(arrivals, allow_damaged, 1 << 16);
    assert!(outcome.pictures <= outcome.given, "{outcome:?}");
    let accounted = outcome.before.saturating_add(outcome.given).saturating_add(outcome.lost);
    assert!(accounted >= all, "{all} frames: {outcome:?}");
});
