//! Reads ffmpeg's log: the colour space of the pictures, the undecoded ones, and the reason for the end.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use passerby_types::{ColorSpace, Matrix, Range};

use super::hidden_address::LIST_INPUT;
use crate::credentials::hide_credentials;

/// The most lines that are kept for an error's text.
const MAX_KEPT_LINES: usize = 8;
/// The most bytes of a line that are read. The rest of the line is dropped.
const MAX_LINE_LEN: u64 = 1024;
/// The most bytes of a kept line.
const MAX_KEPT_LEN: usize = 300;

/// The log of a program. A separate thread reads it.
#[derive(Default)]
pub(super) struct Log {
    /// The program's input with its credentials, which must not be shown.
    secret_input: String,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    color: Option<ColorSpace>,
    rate: Option<f64>,
    errors: VecDeque<String>,
    /// Used if there are no errors.
    warnings: VecDeque<String>,
    /// The number of undecoded pictures that the source hasn't taken yet.
    undecoded: u64,
    /// The reason for the last of them.
    undecoded_what: String,
    /// True if the file was cut off.
    truncated: bool,
    ended: bool,
}

impl Log {
    /// Reads the log to its end. Keeps a few lines of it.
    pub(super) fn read(&self, from: impl Read) {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = (&mut from).take(MAX_LINE_LEN).read_until(b'\n', &mut line);
            let ended = !matches!(read, Ok(1..));
            if !ended && line.last() != Some(&b'\n') && skip_line(&mut from).is_err() {
                break;
            }
            if ended {
                break;
            }
            self.process(String::from_utf8_lossy(&line).trim());
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// Processes a line by the level that ffmpeg writes before it.
    fn process(&self, line: &str) {
        let mut state = self.lock();
        let level = ["error", "fatal", "panic", "warning", "info"]
            .into_iter()
            .find_map(|level| Some((level, line.split_once(&format!("[{level}] "))?)));
        match level {
            Some(("info", (_, text))) => {
                if let Some(color) = color(text) {
                    state.color.get_or_insert(color);
                    self.changed.notify_all();
                } else if let Some(rate) = rate(text) {
                    state.rate.get_or_insert(rate);
                }
            }
            Some(("warning", (_, text))) => keep(&mut state.warnings, &self.hide_secrets(text)),
            Some((_, (_, text))) => {
                state.truncated |= text.contains("partial file");
                if text.starts_with("Error while decoding") || text.starts_with("Error submitting packet") {
                    state.undecoded += 1;
                    state.undecoded_what = state.errors.back().cloned().unwrap_or_default();
                } else {
                    keep(&mut state.errors, &self.hide_secrets(text));
                }
            }
            // Not from ffmpeg: from a wrapper, or from the system for a program that cannot start.
            None => keep(&mut state.errors, &self.hide_secrets(line)),
        }
    }

    /// Returns the colour space. Waits for it up to `timeout`: ffmpeg writes it before the first picture, but it may arrive
    /// after that.
    pub(super) fn color(&self, timeout: Duration) -> Option<ColorSpace> {
        self.wait_until(timeout, |state| state.color.is_some() || state.ended).color
    }

    /// Waits up to `timeout` until the whole log was read.
    pub(super) fn wait_for_end(&self, timeout: Duration) {
        drop(self.wait_until(timeout, |state| state.ended));
    }

    fn wait_until(&self, timeout: Duration, done: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let deadline = Instant::now() + timeout;
        let mut state = self.lock();
        while !done(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }

    /// Returns the frames per second, if ffmpeg wrote them.
    pub(super) fn rate(&self) -> Option<f64> {
        self.lock().rate
    }

    /// Returns the number of pictures that couldn't be decoded since the last call, and the reason for the last one.
    pub(super) fn take_undecoded(&self) -> Option<(u64, String)> {
        let mut state = self.lock();
        let count = std::mem::take(&mut state.undecoded);
        (count > 0).then(|| (count, std::mem::take(&mut state.undecoded_what)))
    }

    /// Returns true if ffmpeg reported that the file is cut off.
    pub(super) fn is_truncated(&self) -> bool {
        self.lock().truncated
    }

    /// Returns the last two messages, of which the first is often the more helpful one, and all kept messages. Neither holds
    /// credentials.
    pub(super) fn complaint(&self) -> (String, String) {
        let state = self.lock();
        let lines = if state.errors.is_empty() { &state.warnings } else { &state.errors };
        let mut all: Vec<&str> = lines.iter().map(String::as_str).collect();
        all.dedup();
        (all[all.len().saturating_sub(2)..].join("; "), all.join("\n"))
    }

    /// Returns the text without the credentials of the addresses in it.
    fn hide_secrets(&self, text: &str) -> String {
        let text = match self.secret_input.as_str() {
            "" => text.to_owned(),
            // The error names the input already.
            secret => text
                .replace(&format!("{LIST_INPUT}: "), "")
                .replace(&format!("{secret}: "), "")
                .replace(secret, &hide_credentials(secret)),
        };
        text.split(' ').map(hide_in_word).collect::<Vec<_>>().join(" ")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a thread that reads the log of a program, whose input is `secret_input`.
    pub(super) fn spawn(
        secret_input: String,
        from: impl Read + Send + 'static,
    ) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let log = Arc::new(Self { secret_input, ..Self::default() });
        let thread = thread::Builder::new().name("capture-ffmpeg-log".into());
        let reading = Arc::clone(&log);
        Ok((log, thread.spawn(move || reading.read(from))?))
    }
}

/// Hides the credentials of an address between quotes and punctuation.
fn hide_in_word(word: &str) -> String {
    let marks = ['\'', '"', '(', ')', '[', ']', ':', ',', ';', '.'];
    let address = word.trim_start_matches(marks);
    let before = &word[..word.len() - address.len()];
    let shown = address.trim_end_matches(marks);
    let after = &address[shown.len()..];
    format!("{before}{}{after}", hide_credentials(shown))
}

fn keep(lines: &mut VecDeque<String>, text: &str) {
    if text.is_empty() {
        return;
    }
    if lines.len() == MAX_KEPT_LINES {
        lines.pop_front();
    }
    let end = (0..=MAX_KEPT_LEN.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
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

/// Reads the colour space from `color_range:tv color_space:bt709 …`, as the filter `showinfo` writes it. Everything that
/// isn't declared is BT.601 with limited range.
fn color(text: &str) -> Option<ColorSpace> {
    let value = |name: &str| text.split_whitespace().find_map(|field| field.strip_prefix(name));
    let range = value("color_range:")?;
    let space = value("color_space:")?;
    let matrix = match space {
        "bt709" | "smpte240m" | "bt2020nc" | "bt2020c" => Matrix::Bt709,
        _ => Matrix::Bt601,
    };
    let range = if matches!(range, "pc" | "jpeg" | "full") { Range::Full } else { Range::Limited };
    Some(ColorSpace { matrix, range })
}

/// Reads the rate from `config in time_base: 1/12288, frame_rate: 12/1`.
fn rate(text: &str) -> Option<f64> {
    let (num, den) = text.strip_prefix("config in ")?.split_once("frame_rate: ")?.1.trim().split_once('/')?;
    let num: f64 = num.parse().ok()?;
    let den: f64 = den.parse().ok()?;
    (num > 0.0 && den > 0.0).then(|| num / den).filter(|rate| (0.001..=1000.0).contains(rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_by_their_level_without_secrets() {
        let log = Log { secret_input: "rtsp://u:two words@cam/x".into(), ..Log::default() };
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
        assert_eq!(log.take_undecoded(), Some((1, "Invalid NAL unit size (0 > 7071).".into())));
        assert_eq!(log.take_undecoded(), None);
        assert!(log.is_truncated());
        let (last, all) = log.complaint();
        assert_eq!(last, "Connection refused; rtsp://cam/live: Server returned 401 Unauthorized");
        assert!(all.starts_with("Unrelated\n") && !all.contains("cret") && !all.contains("words"), "{all}");
    }

    #[test]
    fn a_flood_leaves_a_few_short_lines() {
        let log = Log::default();
        log.read(io::repeat(b'x').take(10 << 20));
        for n in 0..1000 {
            log.process(&format!("[error] {n} ä{}", "ö".repeat(1000)));
        }
        let (last, all) = log.complaint();
        assert!(last.starts_with("998 ä") && last.contains("; 999 ä"));
        assert!(all.len() <= MAX_KEPT_LINES * (MAX_KEPT_LEN + 1), "{} bytes", all.len());
        log.read(&b"[error] no end"[..]);
        assert!(log.complaint().0.ends_with("; no end"));
    }
}
