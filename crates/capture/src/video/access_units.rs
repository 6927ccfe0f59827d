//! Reads the coded pictures of a file, one after another, as Annex B access units.

use std::fs::File;
use std::io::{self, BufReader};
use std::time::Duration;

use passerby_types::SourceError;

use super::annexb::UnitReader;
use super::mp4::{Entry, Movie, MovieError, Sample};
use super::random_access::RandomAccessFile;
use crate::h264::{DecodeError, Parameters, nal};
use crate::limits::DecodeLimits;
use crate::rotation::Rotation;

/// The next coded picture of a file, or its end.
pub(crate) enum NextUnit {
    /// A coded picture.
    Unit {
        /// Its number in the file, from 0.
        index: u64,
        pts: Option<Duration>,
        /// True if the file declares that the pictures after it can be decoded without those before it.
        key: bool,
    },
    /// A coded picture that cannot be read.
    Lost { index: u64, key: bool, what: String },
    /// The end. If the file was cut off, `truncated` is the number of pictures that it should have, if that is known.
    End { truncated: Option<Option<u64>> },
}

/// The coded pictures of a file.
pub(crate) enum AccessUnits {
    Mp4(Box<Mp4Units>),
    AnnexB(Box<AnnexBUnits>),
}

pub(crate) struct Mp4Units {
    file: RandomAccessFile,
    movie: Movie,
    /// The index of the next sample.
    next: usize,
    /// From this index on, all samples lie outside the file.
    end: usize,
    /// The description whose parameter sets were returned last.
    entry: Option<u16>,
    sample: Vec<u8>,
    /// The most bytes that a sample may have.
    max_sample: u64,
    /// The most bytes that all further samples may have together.
    budget: u64,
}

pub(crate) struct AnnexBUnits {
    reader: UnitReader<BufReader<File>>,
    next: u64,
    /// The first unit, which was read for its parameter sets.
    first: Option<Vec<u8>>,
    parameters: Parameters,
}

impl AccessUnits {
    /// Opens an MP4 file.
    pub(crate) fn mp4(
        mut file: RandomAccessFile,
        limits: &DecodeLimits,
        input: &str,
    ) -> Result<Self, SourceError> {
        let len = file.len();
        let input = || input.to_owned();
        let malformed = |what: String| SourceError::malformed(input(), what);
        let movie = Movie::read(&mut file, limits).map_err(|e| match e {
            MovieError::Io(cause) => SourceError::Io { input: input(), cause },
            MovieError::Malformed(what) => malformed(what),
            MovieError::TooLarge { what, limit } => SourceError::TooLarge { input: input(), what, limit },
        })?;
        if let Some(name) = movie.entries.iter().find_map(|entry| match entry {
            Entry::Other(name) => Some(name),
            Entry::Avc { .. } => None,
        }) {
            let what = format!("codec {name}; convert it to H.264 (ffmpeg -c:v libx264)");
            return Err(SourceError::unsupported(input(), what));
        }
        if movie.entries.is_empty() {
            return Err(malformed("the video track does not declare its codec".into()));
        }
        let Some(first) = movie.samples.first() else {
            return Err(malformed("the video track holds no frames".into()));
        };
        let inside = |s: &Sample| s.offset.saturating_add(u64::from(s.size)) <= len;
        let Some(last) = movie.samples.iter().rposition(inside) else {
            return Err(malformed(if movie.truncated {
                "truncated before its first frame".into()
            } else {
                format!("sample outside file: the first lies at byte {} of {len}", first.offset)
            }));
        };
        let mut mp4 = Mp4Units {
            file,
            end: last + 1,
            movie,
            next: 0,
            entry: None,
            sample: Vec::new(),
            max_sample: max_unit(limits),
            budget: len.saturating_add(limits.bytes),
        };
        if mp4.parameters().is_none() {
            return Err(malformed("no parameter sets (SPS/PPS) in the track or its first frame".into()));
        }
        Ok(Self::Mp4(Box::new(mp4)))
    }

    /// Opens an Annex B byte stream.
    pub(crate) fn annex_b(
        file: BufReader<File>,
        limits: &DecodeLimits,
        input: &str,
    ) -> Result<Self, SourceError> {
        let mut reader = UnitReader::new(file, max_unit(limits));
        let mut first = Vec::new();
        let found =
            reader.next(&mut first).map_err(|cause| SourceError::Io { input: input.to_owned(), cause })?;
        let mut parameters = Parameters::default();
        parameters.scan(&first);
        if !found || !parameters.any() {
            return Err(SourceError::malformed(
                input.to_owned(),
                "no parameter sets (SPS/PPS) before the first frame",
            ));
        }
        Ok(Self::AnnexB(Box::new(AnnexBUnits { reader, next: 0, first: Some(first), parameters })))
    }

    /// Checks that the decoders support the pictures, as far as the parameter sets before the first picture show it.
    ///
    /// # Errors
    /// [`DecodeError::Unsupported`] and [`DecodeError::TooLarge`].
    pub(crate) fn check(&self, limits: &DecodeLimits) -> Result<(), DecodeError> {
        match self {
            Self::Mp4(mp4) => {
                let mut parameters = Parameters::default();
                for entry in &mp4.movie.entries {
                    parameters.scan(&sets(entry));
                }
                parameters.check(limits.video_pixels)
            }
            Self::AnnexB(stream) => stream.parameters.check(limits.video_pixels),
        }
    }

    /// Replaces `out` by the data of the next picture. If its parameter sets are new, they come first.
    pub(crate) fn next(&mut self, out: &mut Vec<u8>) -> io::Result<NextUnit> {
        match self {
            Self::Mp4(mp4) => mp4.next(out),
            Self::AnnexB(stream) => stream.next(out),
        }
    }

    pub(crate) fn rotation(&self) -> Rotation {
        match self {
            Self::Mp4(mp4) => mp4.movie.rotation,
            Self::AnnexB(_) => Rotation::default(),
        }
    }

    pub(crate) fn frames(&self) -> Option<u64> {
        match self {
            Self::Mp4(mp4) => Some(mp4.movie.shown_samples() as u64),
            Self::AnnexB(_) => None,
        }
    }

    /// Returns the times at which the part of the file that is shown begins and ends.
    pub(crate) fn shown(&self) -> (Duration, Option<Duration>) {
        match self {
            Self::Mp4(mp4) => mp4.movie.shown(),
            Self::AnnexB(_) => (Duration::ZERO, None),
        }
    }

    pub(crate) fn frame_rate(&self) -> Option<f64> {
        match self {
            Self::Mp4(mp4) => mp4.movie.frame_rate(),
            Self::AnnexB(stream) => stream.parameters.first().and_then(|sps| sps.rate),
        }
    }

    /// Returns the time from picture to picture if the pictures have no time stamps of their own.
    pub(crate) fn period(&self) -> Option<Duration> {
        match self {
            Self::Mp4(_) => None,
            Self::AnnexB(_) => self
                .frame_rate()
                .filter(|rate| (0.001..=1000.0).contains(rate))
                .map(|rate| Duration::from_secs_f64(1.0 / rate)),
        }
    }
}

/// Returns the most bytes that a coded picture may have.
///
/// A macroblock takes at most 3200 bits (H.264 7.4.5), which are 1.6 bytes per pixel. Parameter sets and other data may
/// come with it.
fn max_unit(limits: &DecodeLimits) -> u64 {
    limits.bytes.min(limits.video_pixels.saturating_mul(2).saturating_add(1 << 20))
}

/// Returns the parameter sets of a description as Annex B.
fn sets(entry: &Entry) -> Vec<u8> {
    let mut out = Vec::new();
    if let Entry::Avc { sets, .. } = entry {
        for set in sets {
            nal::push(&mut out, set);
        }
    }
    out
}

impl Mp4Units {
    /// Returns the parameter sets of the first sample, or `None` if it has none.
    fn parameters(&mut self) -> Option<Parameters> {
        let mut parameters = Parameters::default();
        let first = *self.movie.samples.first()?;
        parameters.scan(&sets(self.movie.entries.get(usize::from(first.entry))?));
        if !parameters.any() {
            let mut unit = Vec::new();
            self.read(&first, &mut unit).ok()?.ok()?;
            parameters.scan(&unit);
        }
        parameters.any().then_some(parameters)
    }

    fn next(&mut self, out: &mut Vec<u8>) -> io::Result<NextUnit> {
        loop {
            let count = self.movie.samples.len();
            if self.next >= self.end {
                let expected = self.movie.counted.then_some(count as u64);
                // Behind the last sample of a complete list nothing of the video can be missing.
                let cut_off = self.end < count || self.movie.truncated && !self.movie.counted;
                let truncated = cut_off.then_some(expected);
                return Ok(NextUnit::End { truncated });
            }
            let index = self.next as u64;
            let sample = self.movie.samples[self.next];
            self.next += 1;
            // An empty sample repeats the picture before it.
            if sample.size > 0 {
                return Ok(match self.read(&sample, out)? {
                    Ok(()) => NextUnit::Unit { index, pts: self.movie.pts(&sample), key: sample.key },
                    Err(what) => NextUnit::Lost { index, key: sample.key, what },
                });
            }
        }
    }

    /// Reads a sample and replaces its lengths by start codes. The inner error describes the fault of the sample.
    fn read(&mut self, sample: &Sample, out: &mut Vec<u8>) -> io::Result<Result<(), String>> {
        let size = u64::from(sample.size);
        if sample.offset.saturating_add(size) > self.file.len() {
            return Ok(Err(format!("sample outside file: at byte {} of {}", sample.offset, self.file.len())));
        }
        if size > self.max_sample {
            return Ok(Err(format!("a sample of {size} bytes, over the limit of {}", self.max_sample)));
        }
        let Some(entry @ Entry::Avc { length, .. }) = self.movie.entries.get(usize::from(sample.entry))
        else {
            return Ok(Err("a sample without a description".into()));
        };
        // Samples may overlap. In a hostile file all of them may, so that a small file would take for ever to read.
        self.budget = self.budget.checked_sub(size).ok_or_else(|| {
            let what = "its samples overlap and have more bytes than the whole file";
            io::Error::new(io::ErrorKind::InvalidData, what)
        })?;
        self.file.read(sample.offset, size, &mut self.sample)?;
        if self.sample.len() as u64 != size {
            return Ok(Err("the file ends inside it".into()));
        }
        out.clear();
        if self.entry != Some(sample.entry) {
            *out = sets(entry);
        }
        if let Err(what) = to_annex_b(&self.sample, *length, out) {
            return Ok(Err(what));
        }
        self.entry = Some(sample.entry);
        Ok(Ok(()))
    }
}

/// Appends the NAL units of a sample as Annex B. In the sample, each has its length in `length` bytes before it.
fn to_annex_b(mut sample: &[u8], length: usize, out: &mut Vec<u8>) -> Result<(), String> {
    while !sample.is_empty() {
        let Some((head, rest)) = sample.split_at_checked(length) else {
            return Err(format!("{} bytes after its last NAL unit", sample.len()));
        };
        let len = head.iter().fold(0_usize, |len, &b| len << 8 | usize::from(b));
        let Some((unit, rest)) = rest.split_at_checked(len) else {
            return Err(format!("a NAL unit of {len} bytes, but only {} are left", rest.len()));
        };
        if !unit.is_empty() {
            nal::push(out, unit);
        }
        sample = rest;
    }
    Ok(())
}

impl AnnexBUnits {
    fn next(&mut self, out: &mut Vec<u8>) -> io::Result<NextUnit> {
        let found = match self.first.take() {
            Some(first) => {
                *out = first;
                true
            }
            None => self.reader.next(out)?,
        };
        let index = self.next;
        self.next += 1;
        Ok(if found {
            NextUnit::Unit { index, pts: None, key: false }
        } else {
            NextUnit::End { truncated: None }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_become_start_codes() {
        let mut out = Vec::new();
        to_annex_b(&[0, 2, 0x65, 1, 0, 0, 0, 1, 0x41], 2, &mut out).unwrap();
        assert_eq!(out, [0, 0, 0, 1, 0x65, 1, 0, 0, 0, 1, 0x41]);
        assert!(to_annex_b(&[], 4, &mut out).is_ok());
    }

    #[test]
    fn a_length_beyond_the_sample_is_an_error() {
        let mut out = Vec::new();
        let error = to_annex_b(&[0x7f, 0xff, 0xff, 0xff, 1], 4, &mut out).unwrap_err();
        assert_eq!(error, "a NAL unit of 2147483647 bytes, but only 1 are left");
        assert!(to_annex_b(&[0, 0], 4, &mut out).is_err());
    }
}
