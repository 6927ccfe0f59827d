//! A comparison of the gathers of every instruction set with plain reads. The kernels that use them are public: their tests are
//! in `tests/cnn/resample.rs`, so that they are not compiled again for the tests of this crate's inside.

use crate::isa::Isa;
use crate::simd::dispatch::kernel;
use crate::simd::vector::ByteSimd;

kernel! { fn run_gather(data: &[u8], last: usize, stride: usize, at: &[f32; 32], out: &mut [f32; 64]) = generic_gather }

/// Writes the four bytes of each word that is gathered at the rows and bytes `at`.
///
/// # Safety
/// The bytes that are read at `at` must be inside `data`.
#[inline(always)]
unsafe fn generic_gather<S: ByteSimd>(
    data: &[u8],
    last: usize,
    stride: usize,
    at: &[f32; 32],
    out: &mut [f32; 64],
) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        let rows = S::load(at.as_ptr()).truncate();
        let bytes = S::load(at[16..].as_ptr()).truncate();
        let words = S::gather(data.as_ptr(), last, rows, stride, bytes, 1);
        for n in 0..4 {
            S::select_byte(words, S::byte_selector::<4>(n)).store(out[16 * n..].as_mut_ptr());
        }
    }
}

#[test]
fn gathers_stop_at_the_last_byte() {
    let data: Vec<u8> = (0..100).map(|i| 255 - i).collect();
    let mut at = [0.0; 32];
    for i in 0..16 {
        (at[i], at[16 + i]) = ((i % 4) as f32, (i * 3) as f32);
    }
    for isa in Isa::available() {
        for last in [1_usize << 40, 96, 60, 10, 0] {
            let mut out = [0.0; 64];
            // SAFETY: the farthest word starts at byte 3 * 15 + 45 + 1 and ends inside the data; a larger `last`
            // only changes how it is read.
            unsafe { run_gather(*isa, &data, last, 15, &at, &mut out) };
            for (i, got) in out.iter().enumerate().filter(|(i, _)| i % 16 < isa.lanes()) {
                let byte = at[i % 16] as usize * 15 + at[16 + i % 16] as usize + 1 + i / 16;
                let want = if byte < last.saturating_add(4) { f32::from(data[byte]) } else { 0.0 };
                assert_eq!(*got, want, "{isa:?} {last} {i}");
            }
        }
    }
}
