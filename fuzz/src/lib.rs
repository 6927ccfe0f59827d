//! Code that the fuzz targets share.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};

use passerby_types::{ErrorClass, FrameSource, SourceError};

/// Makes a panic in our own code a finding. A panic in a dependency is not a finding as long as it is contained: the
/// guards around foreign decoders turn it into an error, and a panic that passes them ends the fuzzer in any case. Each
/// place is reported once.
pub fn watch() {
    static CONTAINED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    // This is libFuzzer's own hook, which ends the process.
    let fatal = panic::take_hook();
    panic::set_hook(Box::new(move |panic| match panic.location() {
        Some(place) if place.file().contains("/registry/src/") => {
            if CONTAINED.lock().is_ok_and(|mut places| places.insert(place.to_string())) {
                eprintln!("contained: a panic in {place}: {}", panic.payload_as_str().unwrap_or("?"));
            }
        }
        _ => fatal(panic),
    }));
}

/// Writes the bytes to a file, which is held in memory if the system supports that.
pub fn file(data: &[u8]) -> &'static Path {
    static PATH: LazyLock<PathBuf> = LazyLock::new(|| {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { memory.into() } else { std::env::temp_dir() };
        folder.join(format!("passerby-fuzz-{}", std::process::id()))
    });
    fs::write(&*PATH, data).expect("the input's file is written");
    &PATH
}

/// Reads a source to its end, but at most this many pictures and errors, and checks its contract.
pub fn drain(source: Result<impl FrameSource, SourceError>, path: &Path, most: usize) {
    let path = path.display().to_string();
    let named = |e: &SourceError| assert!(e.to_string().contains(&path), "`{e}` does not name its input");
    let mut source = match source {
        Ok(source) => source,
        Err(e) => return named(&e),
    };
    let mut last = None;
    for _ in 0..most {
        match source.next_picture() {
            Ok(Some(picture)) => {
                assert!(picture.image.width() > 0 && picture.image.height() > 0, "an empty picture");
                assert!(picture.pts.is_none() || picture.pts > last, "a time stamp that does not rise");
                last = picture.pts.or(last);
            }
            Ok(None) => return,
            Err(e) => {
                named(&e);
                if e.class() != ErrorClass::Skip {
                    let after = source.next_picture();
                    assert!(matches!(after, Ok(None)), "something comes after `{e}`");
                    return;
                }
            }
        }
    }
}

/// Returns the access units of an Annex B byte stream. A unit ends after its last slice; the first bit of a picture's
/// first slice is set.
pub fn units(data: &[u8]) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut begin = 0;
    let mut slice = false;
    for at in starts(data) {
        let is_slice = matches!(data[at + 3] & 0x1f, 1 | 5);
        if slice && (!is_slice || data.get(at + 4).is_none_or(|b| b & 0x80 != 0)) {
            out.push(begin..at);
            begin = at;
            slice = false;
        }
        slice |= is_slice;
    }
    out.push(begin..data.len());
    out
}

/// Returns the positions of the start codes that a NAL unit follows.
pub fn starts(data: &[u8]) -> impl Iterator<Item = usize> {
    data.windows(4).enumerate().filter(|(_, w)| w.starts_with(&[0, 0, 1])).map(|(at, _)| at)
}

/// Checks the contract of the parts of a body of this length: pictures of up to `limit` bytes that begin as pictures,
/// with no more bytes than the body had.
pub fn pictures(parts: &[Option<Vec<u8>>], limit: usize, body: usize) {
    for picture in parts.iter().flatten() {
        assert!(
            picture.starts_with(&[0xFF, 0xD8]) && picture.len() <= limit,
            "a part of {} bytes",
            picture.len()
        );
    }
    let all: usize = parts.iter().flatten().map(Vec::len).sum();
    assert!(all <= body, "{all} bytes of {body}");
}
