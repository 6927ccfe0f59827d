//! What ffmpeg says while it works: the pictures' colours, what it could not decode, and why it ends.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use passerby_types::{ColorSpace, Matrix, Range};

use crate::address::hide;

/// Complaints that are kept for an error's text, and the bytes of a line. What is longer is cut off.
const LINES: usize = 8;
const LINE: u64 = 1024;
/// Bytes of a complaint in an error's text.
const TEXT: usize = 300;

/// What was said, read by a thread of its own.
#[derive(Default)]
pub(super) struct Log {
    /// The input as the program was given it, credentials and all, which must not get out.
    secret: String,
    said: Mutex<Said>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Said {
    color: Option<ColorSpace>,
    rate: Option<f64>,
    /// Errors, and warnings where there were none.
    errors: VecDeque<String>,
    warnings: VecDeque<String>,
    /// Coded pictures that were not decoded and not told yet, and what was said of the last.
    undecoded: u64,
    undecoded_what: String,
    /// The file ends before its time.
    partial: bool,
    over: bool,
}

impl Log {
    /// Reads everything there is until it ends. However much that is, a few lines of it are kept.
    pub(super) fn read(&self, from: impl Read) {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        loop {
            line.clear();
            let end = (&mut from).take(LINE).read_until(b'\n', &mut line);
            let ended = !matches!(end, Ok(1..));
            if !ended && line.last() != Some(&b'\n') && skip_line(&mut from).is_err() {
                break;
            }
            if ended {
                break;
            }
            self.take(String::from_utf8_lossy(&line).trim());
        }
        self.lock().over = true;
        self.changed.notify_all();
    }

    /// Takes a line in, by the level that ffmpeg writes before it.
    fn take(&self, line: &str) {
        let mut said = self.lock();
        let level = ["error", "fatal", "panic", "warning", "info"]
            .into_iter()
            .find_map(|level| Some((level, line.split_once(&format!("[{level}] "))?)));
        match level {
            Some(("info", (_, text))) => {
                if let Some(color) = color(text) {
                    said.color.get_or_insert(color);
                    self.changed.notify_all();
                } else if let Some(rate) = rate(text) {
                    said.rate.get_or_insert(rate);
                }
            }
            Some(("warning", (_, text))) => keep(&mut said.warnings, &self.scrub(text)),
            Some((_, (_, text))) => {
                said.partial |= text.contains("partial file");
                if text.starts_with("Error while decoding") || text.starts_with("Error submitting packet") {
                    said.undecoded += 1;
                    said.undecoded_what = said.errors.back().cloned().unwrap_or_default();
                } else {
                    keep(&mut said.errors, &self.scrub(text));
                }
            }
            // Not ffmpeg's own: a wrapper's, or the system's of a program that cannot start.
            None => keep(&mut said.errors, &self.scrub(line)),
        }
    }

    /// The colour space, once it is known. It is said before the first picture comes, but by another way: so long it is
    /// waited for.
    pub(super) fn color(&self, patience: Duration) -> Option<ColorSpace> {
        self.wait(patience, |said| said.color.is_some() || said.over).color
    }

    /// Waits until everything has been read.
    pub(super) fn finish(&self, patience: Duration) {
        drop(self.wait(patience, |said| said.over));
    }

    fn wait(&self, patience: Duration, done: impl Fn(&Said) -> bool) -> MutexGuard<'_, Said> {
        let end = Instant::now() + patience;
        let mut said = self.lock();
        while !done(&said) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            said = self.changed.wait_timeout(said, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        said
    }

    /// Frames a second, where it was said.
    pub(super) fn rate(&self) -> Option<f64> {
        self.lock().rate
    }

    /// Coded pictures that were not decoded since the last call, and why.
    pub(super) fn undecoded(&self) -> Option<(u64, String)> {
        let mut said = self.lock();
        let count = std::mem::take(&mut said.undecoded);
        (count > 0).then(|| (count, std::mem::take(&mut said.undecoded_what)))
    }

    /// True where the file was said to end before its time.
    pub(super) fn partial(&self) -> bool {
        self.lock().partial
    }

    /// The last two complaints, of which the first often tells more, without credentials; and all that are kept, for
    /// looking into.
    pub(super) fn complaint(&self) -> (String, String) {
        let said = self.lock();
        let lines = if said.errors.is_empty() { &said.warnings } else { &said.errors };
        let mut all: Vec<&str> = lines.iter().map(String::as_str).collect();
        all.dedup();
        (all[all.len().saturating_sub(2)..].join("; "), all.join("\n"))
    }

    /// The text with all addresses in it without credentials.
    fn scrub(&self, text: &str) -> String {
        let text = match self.secret.as_str() {
            "" => text.to_owned(),
            // The error names it already.
            secret => text.replace(&format!("{secret}: "), "").replace(secret, &hide(secret)),
        };
        text.split(' ').map(hide).collect::<Vec<_>>().join(" ")
    }

    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a thread that reads `from`, what a program says that was given the input `secret`.
    pub(super) fn spawn(
        secret: String,
        from: impl Read + Send + 'static,
    ) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let log = Arc::new(Self { secret, ..Self::default() });
        let thread = thread::Builder::new().name("capture-ffmpeg-log".into());
        let same = Arc::clone(&log);
        Ok((log, thread.spawn(move || same.read(from))?))
    }
}

fn keep(lines: &mut VecDeque<String>, text: &str) {
    if text.is_empty() {
        return;
    }
    if lines.len() == LINES {
        lines.pop_front();
    }
    let end = (0..=TEXT.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    lines.push_back(text[..end].to_owned());
}

fn skip_line(from: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = from.fill_buf()?;
        let (len, found) = match buffer.iter().position(|&b| b == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), false),
        };
        from.consume(len);
        if found || len == 0 {
            return Ok(());
        }
    }
}

/// The colours of `color_range:tv color_space:bt709 …`, as the filter `showinfo` writes. Constants of one luminance only
/// have names of their own; what is not said is BT.601 with limited range.
fn color(text: &str) -> Option<ColorSpace> {
    let value = |name: &str| text.split_whitespace().find_map(|field| field.strip_prefix(name));
    let (range, space) = (value("color_range:")?, value("color_space:")?);
    let matrix = match space {
        "bt709" | "smpte240m" | "bt2020nc" | "bt2020c" => Matrix::Bt709,
        _ => Matrix::Bt601,
    };
    let range = if matches!(range, "pc" | "jpeg" | "full") { Range::Full } else { Range::Limited };
    Some(ColorSpace { matrix, range })
}

/// The rate of `config in time_base: 1/12288, frame_rate: 12/1`.
fn rate(text: &str) -> Option<f64> {
    let (num, den) = text.strip_prefix("config in ")?.split_once("frame_rate: ")?.1.trim().split_once('/')?;
    let (num, den): (f64, f64) = (num.parse().ok()?, den.parse().ok()?);
    (num > 0.0 && den > 0.0).then(|| num / den).filter(|rate| (0.001..=1000.0).contains(rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart_and_hide_what_is_secret() {
        let log = Log { secret: "rtsp://u:two words@cam/x".into(), ..Log::default() };
        let text = "\
Unrelated
[Parsed_showinfo_3 @ 0x5] [info] config in time_base: 1/12288, frame_rate: 30000/1001
[Parsed_showinfo_3 @ 0x5] [info] color_range:pc color_space:bt709 color_primaries:bt709 color_trc:bt709
[Parsed_showinfo_3 @ 0x6] [info] color_range:tv color_space:unknown color_primaries:unknown color_trc:unknown
[h264 @ 0x55] [error] Invalid NAL unit size (0 > 7071).
[error] Error while decoding stream #0:0: Invalid data found when processing input
[mov @ 0x55] [error] stream 0, offset 0x2db37: partial file
[error] rtsp://u:two words@cam/x: Connection refused
[error] rtsp://admin:se/cret@cam/live: Server returned 401 Unauthorized
";
        log.read(text.as_bytes());
        let color = ColorSpace { matrix: Matrix::Bt709, range: Range::Full };
        assert_eq!(log.color(Duration::ZERO), Some(color));
        assert!((log.rate().unwrap() - 29.97).abs() < 0.01);
        assert_eq!(log.undecoded(), Some((1, "Invalid NAL unit size (0 > 7071).".into())));
        assert_eq!(log.undecoded(), None);
        assert!(log.partial());
        let (last, all) = log.complaint();
        assert_eq!(last, "Connection refused; rtsp://cam/live: Server returned 401 Unauthorized");
        assert!(all.starts_with("Unrelated\n") && !all.contains("cret") && !all.contains("words"), "{all}");
    }

    #[test]
    fn a_flood_leaves_a_few_short_lines() {
        let log = Log::default();
        log.read(io::repeat(b'x').take(10 << 20));
        for n in 0..1000 {
            log.take(&format!("[error] {n} ä{}", "ö".repeat(1000)));
        }
        let (last, all) = log.complaint();
        assert!(last.starts_with("998 ä") && last.contains("; 999 ä"));
        assert!(all.len() <= LINES * (TEXT + 1), "{} bytes", all.len());
        log.read(&b"[error] no end"[..]);
        assert!(log.complaint().0.ends_with("; no end"));
    }
}
