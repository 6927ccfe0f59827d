//! The memory of large pictures, over all sources.

use std::sync::{Mutex, MutexGuard, PoisonError};

use passerby_types::FramePool;

use crate::limits::DecodeLimits;

/// The right to decode a large picture. Other large pictures wait until it is dropped.
pub(crate) struct LargeTurn {
    _guard: MutexGuard<'static, ()>,
}

/// Waits until a picture of `bytes` decoded bytes may be decoded. Most pictures are not large, and never wait: see
/// [`DecodeLimits::is_large`].
///
/// # Errors
/// A description if the pictures of all sources that share the pool would take too much memory together.
pub(crate) fn wait_for_turn(
    bytes: u64,
    limits: &DecodeLimits,
    pool: &FramePool,
) -> Result<Option<LargeTurn>, String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    if !limits.is_large(bytes) {
        return Ok(None);
    }
    let guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let all = pool.lent_bytes().saturating_add(bytes);
    if all > limits.shared_bytes {
        return Err(format!(
            "with this picture, the pictures of all sources would take {} MiB, over the limit of {} MiB",
            all >> 20,
            limits.shared_bytes >> 20
        ));
    }
    Ok(Some(LargeTurn { _guard: guard }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_large_pictures_share_a_limit() {
        let limits = DecodeLimits { video_pixels: 100, shared_bytes: 1000, ..DecodeLimits::default() };
        let pool = FramePool::default();
        let other = pool.take(600);
        assert!(wait_for_turn(300, &limits, &pool).is_ok_and(|turn| turn.is_none()), "it is not large");
        assert!(wait_for_turn(301, &limits, &pool).is_ok_and(|turn| turn.is_some()));
        let error = wait_for_turn(401, &limits, &pool).err().expect("too much");
        assert!(error.contains("of all sources"), "{error}");
        drop(other);
        assert!(wait_for_turn(401, &limits, &pool).is_ok());
    }
}
