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
    ///
    /// This makes the common edit lists needless: they remove the delay of reordering, or wait for the sound. Pictures
    /// that they cut off are returned all the same.
    start: i64,
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
        let fragments = Fragments { track: track.id, defaults: Defaults::read(moov, track.id), dts };
        let movie = Self {
            entries: track.entries,
            samples,
            rotation: track.rotation,
            truncated: false,
            counted: true,
            timescale: track.timescale,
            start: 0,
        };
        Ok((movie, fragments))
    }

    /// Returns the time at which a sample is shown, or `None` if the file declares no unit of time.
    pub(crate) fn pts(&self, sample: &Sample) -> Option<Duration> {
        let ticks = u128::try_from(sample.pts.saturating_sub(self.start)).unwrap_or(0);
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
