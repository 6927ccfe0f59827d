//! MP4 and MOV files, fragmented or not (ISO/IEC 14496-12): the places and times of the coded pictures.
//!
//! The index is held in memory, the coded data isn't. The reader checks every length and count in the file against the
//! bytes that are there, before it allocates memory for it.

mod boxes;
mod fragment;
mod table;
mod track;

use std::io;
use std::time::Duration;

use super::random_access::RandomAccessFile;
use crate::limits::DecodeLimits;
use crate::rotation::Rotation;
use boxes::{Bytes, boxes, code, find};
use fragment::{Defaults, Fragments};
pub(crate) use table::Sample;
pub(crate) use track::Entry;
use track::Track;

/// The video track of a file.
#[derive(Debug)]
pub(crate) struct Movie {
    pub(crate) entries: Vec<Entry>,
    /// In decoding order.
    pub(crate) samples: Vec<Sample>,
    pub(crate) rotation: Rotation,
    /// The file ends before its last box does.
    pub(crate) truncated: bool,
    /// False for a fragmented file. If it is truncated, the number of its samples isn't known.
    pub(crate) counted: bool,
    timescale: u32,
    /// The earliest time stamp in ticks, from which time counts.
    start: i64,
    /// The part that is shown, in ticks: its first time stamp, and the first one behind it. `None`: everything.
    shown: Option<(i64, i64)>,
}

/// Why a video track cannot be read.
#[derive(Debug)]
pub(crate) enum MovieError {
    Io(io::Error),
    Malformed(String),
    TooLarge { what: String, limit: String },
}

impl From<io::Error> for MovieError {
    fn from(e: io::Error) -> Self {
        Self::Io(e)
    }
}

fn malformed<T>(what: impl Into<String>) -> Result<T, MovieError> {
    Err(MovieError::Malformed(what.into()))
}

impl Movie {
    /// Reads the index of a file.
    pub(crate) fn read(file: &mut RandomAccessFile, limits: &DecodeLimits) -> Result<Self, MovieError> {
        let mut movie: Option<(Self, Fragments)> = None;
        let mut offset = 0;
        let mut truncated = false;
        while let Some(top) = TopBox::read(file, offset)? {
            truncated = top.end > file.len();
            match &top.kind {
                b"moov" | b"moof" if truncated => {
                    if movie.is_none() {
                        return malformed(format!("truncated inside its index ({})", code(top.kind)));
                    }
                    break;
                }
                b"moov" if movie.is_none() => movie = Some(Self::begin(&top.load(file, limits)?, limits)?),
                b"moof" => {
                    if let Some((movie, fragments)) = &mut movie {
                        let body = top.load(file, limits)?;
                        movie.counted = false;
                        if fragments.append(&body, offset, limits.samples, &mut movie.samples).is_err() {
                            truncated = true;
                            break;
                        }
                    }
                }
                _ => {}
            }
            offset = top.end;
        }
        let Some((mut movie, _)) = movie else {
            let why = if truncated { "truncated: " } else { "" };
            return malformed(format!("{why}no index (moov box)"));
        };
        // Bytes that are left over are the beginning of a box.
        movie.truncated = truncated || offset < file.len();
        movie.start = movie.samples.iter().map(|s| s.pts).min().unwrap_or(0);
        // A list that shows no sample at all is wrong. Programs that show something are of more use.
        let is_shown = |(start, end)| movie.samples.iter().any(|s| (start..end).contains(&s.pts));
        movie.shown = movie.shown.filter(|shown| is_shown(*shown));
        Ok(movie)
    }

    /// Reads a movie box.
    fn begin(moov: &[u8], limits: &DecodeLimits) -> Result<(Self, Fragments), MovieError> {
        let mut tracks: Vec<Track<'_>> = Vec::new();
        let mut others = Vec::new();
        for (_, trak) in boxes(moov).filter(|(kind, _)| kind == b"trak").take(1024) {
            match Track::read(trak) {
                Some(track) => tracks.push(track),
                None if others.len() < 8 => others.extend(find(trak, &[b"mdia"]).and_then(track::kind)),
                None => {}
            }
        }
        let h264 = |t: &Track<'_>| matches!(t.entries.first(), Some(Entry::Avc { .. }));
        let chosen = tracks.iter().position(h264).unwrap_or(0);
        let Some(track) = tracks.into_iter().nth(chosen) else {
            let others: Vec<&str> = others
                .iter()
                .map(|kind| match kind {
                    b"soun" => "audio",
                    b"text" | b"sbtl" | b"subt" => "text",
                    _ => "data",
                })
                .collect();
            return malformed(match others.as_slice() {
                [] => "no video track: the file holds no track at all".into(),
                others => format!("no video track: the file holds {} only", others.join(", ")),
            });
        };
        let (samples, dts) = table::samples(track.table, limits.samples).map_err(|what| {
            if what.contains("over the limit") {
                MovieError::TooLarge {
                    what: "the number of samples".into(),
                    limit: format!("{} samples", limits.samples),
                }
            } else {
                MovieError::Malformed(what)
            }
        })?;
        // The list counts only if the times of the samples agree with the declared length of the track.
        let times = || samples.iter().map(|s| s.pts);
        let span = times().max().zip(times().min()).map_or(0, |(last, first)| last.abs_diff(first));
        let agrees = span <= track.duration;
        let shown = track.edit.filter(|_| agrees).map(|edit| {
            let movie_timescale = find(moov, &[b"mvhd"]).and_then(|body| {
                let mut b = Bytes(body);
                let (version, _) = b.version()?;
                b.take(if version == 1 { 16 } else { 8 })?;
                b.u32()
            });
            let ticks = match movie_timescale {
                Some(timescale @ 1..) if edit.duration > 0 => {
                    u128::from(edit.duration) * u128::from(track.timescale) / u128::from(timescale)
                }
                _ => u128::MAX,
            };
            (edit.start, edit.start.saturating_add(i64::try_from(ticks).unwrap_or(i64::MAX)))
        });
        let fragments = Fragments { track: track.id, defaults: Defaults::read(moov, track.id), dts };
        let movie = Self {
            entries: track.entries,
            samples,
            rotation: track.rotation,
            truncated: false,
            counted: true,
            timescale: track.timescale,
            start: 0,
            shown,
        };
        Ok((movie, fragments))
    }

    /// Returns the time at which a sample is shown, or `None` if the file declares no unit of time.
    pub(crate) fn pts(&self, sample: &Sample) -> Option<Duration> {
        self.time(sample.pts)
    }

    /// Returns the times at which the shown part begins and ends, as [`Movie::pts`] counts them.
    pub(crate) fn shown(&self) -> (Duration, Option<Duration>) {
        let Some((start, end)) = self.shown else { return (Duration::ZERO, None) };
        (self.time(start).unwrap_or_default(), self.time(end).filter(|_| end < i64::MAX))
    }

    /// Returns the number of samples that are shown.
    pub(crate) fn shown_samples(&self) -> usize {
        let is_shown = |s: &&Sample| self.shown.is_none_or(|(start, end)| (start..end).contains(&s.pts));
        self.samples.iter().filter(is_shown).count()
    }

    fn time(&self, ticks: i64) -> Option<Duration> {
        let ticks = u128::try_from(ticks.saturating_sub(self.start)).unwrap_or(0);
        let nanos = (ticks * 1_000_000_000).checked_div(u128::from(self.timescale))?;
        Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }

    /// Returns the average number of frames per second.
    pub(crate) fn frame_rate(&self) -> Option<f64> {
        let times = self.samples.iter().map(|s| s.pts);
        let first = times.clone().min()?;
        let last = times.max()?;
        let ticks = last.checked_sub(first).filter(|&t| t > 0)?;
        (self.timescale > 0)
            .then(|| (self.samples.len() - 1) as f64 * f64::from(self.timescale) / ticks as f64)
    }
}

/// A box at the top level of the file.
struct TopBox {
    kind: [u8; 4],
    body: u64,
    end: u64,
}

impl TopBox {
    /// Reads the box header at byte `offset`. Returns `None` at the end of the file, and if the header is invalid.
    fn read(file: &mut RandomAccessFile, offset: u64) -> io::Result<Option<Self>> {
        let mut header = Vec::new();
        file.read(offset, 16, &mut header)?;
        let mut b = Bytes(&header);
        let (Some(size), Some(kind)) = (b.u32(), b.take(4)) else { return Ok(None) };
        let kind = kind.try_into().unwrap_or_default();
        let (header, size) = match size {
            0 => (8, file.len() - offset),
            1 => (16, b.u64().unwrap_or(0)),
            size => (8, u64::from(size)),
        };
        Ok((size >= header).then(|| Self { kind, body: offset + header, end: offset.saturating_add(size) }))
    }

    /// Reads the content of the box.
    fn load(&self, file: &mut RandomAccessFile, limits: &DecodeLimits) -> Result<Vec<u8>, MovieError> {
        let size = self.end - self.body;
        if size > limits.bytes {
            return Err(MovieError::TooLarge {
                what: format!("the index ({} box)", code(self.kind)),
                limit: format!("{} bytes", limits.bytes),
            });
        }
        let mut body = Vec::new();
        file.read(self.body, size, &mut body)?;
        Ok(body)
    }
}
