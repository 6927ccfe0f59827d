//! Calls of FFmpeg's libraries, made safe for the process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use ffmpeg_the_third as ffmpeg;

/// Runs `work`. If it panics, returns [`ffmpeg::Error::Bug`].
///
/// The wrapper of the libraries panics at values that it doesn't know, for example at a colour space that the standard doesn't
/// have. Such values come from files.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, ffmpeg::Error>) -> Result<T, ffmpeg::Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(ffmpeg::Error::Bug))
}

/// Stops the libraries from writing to the process's standard error. Errors come as values.
pub(super) fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| ffmpeg::log::set_level(ffmpeg::log::Level::Quiet));
}

/// The number of the system's error `EAGAIN`: 35 on systems that come from BSD.
const EAGAIN: i32 =
    if cfg!(any(target_vendor = "apple", target_os = "freebsd", target_os = "openbsd", target_os = "netbsd"))
    {
        35
    } else {
        11
    };

/// Returns true if the call needs more input first.
pub(super) fn is_again(error: ffmpeg::Error) -> bool {
    error == ffmpeg::Error::Other { errno: EAGAIN }
}
