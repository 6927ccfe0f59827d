//! Functions on bytes that the instruction sets share.

/// Returns the table for a look-up in 16 bytes that widens byte `n` of each of four samples to a word. Samples of 3
/// bytes are packed; others stand in words of four bytes.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) fn pattern<const STEP: usize>(n: usize) -> [u8; 16] {
    const NOTHING: u8 = 0x80;
    let step = if STEP == 3 { 3 } else { 4 };
    std::array::from_fn(|i| if i % 4 == 0 { (i / 4 * step + n) as u8 } else { NOTHING })
}

/// Implements [`ByteSimd::gather`](super::vector::ByteSimd::gather) without an instruction for it.
///
/// # Safety
/// The conditions of that method must hold.
#[inline(always)]
pub(super) unsafe fn gather_each<const LANES: usize>(
    from: *const u8,
    last: usize,
    rows: [u32; LANES],
    stride: usize,
    bytes: [u32; LANES],
    delta: usize,
) -> [u32; LANES] {
    std::array::from_fn(|i| {
        let at = (rows[i] as usize).wrapping_mul(stride).wrapping_add(bytes[i] as usize).wrapping_add(delta);
        let inside = at.min(last);
        // SAFETY: `inside` + 4 <= `last` + 4.
        let word = u32::from_le_bytes(unsafe { from.add(inside).cast::<[u8; 4]>().read_unaligned() });
        word.checked_shr(8 * (at - inside).min(4) as u32).unwrap_or(0)
    })
}
