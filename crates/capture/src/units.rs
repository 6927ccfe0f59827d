//! The coded pictures of a file, one after another, as Annex B access units.

use std::fs::File;
use std::io::{self, BufReader};
use std::time::Duration;

use passerby_types::SourceError;

use crate::annexb::Stream;
use crate::file::Places;
use crate::h264::{DecodeError, Parameters, nal};
use crate::limits::DecodeLimits;
use crate::mp4::{Entry, Movie, MovieError, Sample};
use crate::turn::Turn;

/// What comes next out of a file.
pub(crate) enum Next {
    /// A coded picture.
    Unit {
        /// Its number in the file, from 0.
        index: u64,
        pts: Option<Duration>,
        /// The file says that the pictures after it can be decoded without those before it.
        key: bool,
    },
    /// A coded picture that cannot be read.
    Lost { index: u64, key: bool, what: String },
    /// Nothing; where the file was cut off, how many pictures it should have, as far as it says.
    End { truncated: Option<Option<u64>> },
}

/// The coded pictures of a file.
pub(crate) enum Units {
    Mp4(Box<Mp4>),
    AnnexB(Box<AnnexB>),
}

pub(crate) struct Mp4 {
    file: Places,
    movie: Movie,
    /// The next sample.
    next: usize,
    /// From here on all samples lie outside the file.
    end: usize,
    /// The description whose parameter sets were given last.
    entry: Option<u16>,
    sample: Vec<u8>,
    /// The bytes that a sample may have.
    limit: u64,
    /// The bytes that the samples to come may have together.
    left: u64,
}

pub(crate) struct AnnexB {
    stream: Stream<BufReader<File>>,
    next: u64,
    /// The first unit, read to know the parameter sets.
    first: Option<Vec<u8>>,
    parameters: Parameters,
}

impl Units {
    /// The pictures of an MP4 file.
    pub(crate) fn mp4(mut file: Places, limits: &DecodeLimits, input: &str) -> Result<Self, SourceError> {
        let len = file.len();
        let input = || input.to_owned();
        let malformed = |what: String| SourceError::Malformed { input: input(), what };
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
            return Err(SourceError::Unsupported { input: input(), what });
        }
        if movie.entries.is_empty() {
            return Err(malformed("the video track does not say its codec".into()));
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
        let limit = largest(limits);
        let (end, left) = (last + 1, len.saturating_add(limits.bytes));
        let mut mp4 = Mp4 { file, end, movie, next: 0, entry: None, sample: Vec::new(), limit, left };
        if mp4.parameters().is_none() {
            return Err(malformed("no parameter sets (SPS/PPS) in the track or its first frame".into()));
        }
        Ok(Self::Mp4(Box::new(mp4)))
    }

    /// The pictures of an Annex B byte stream.
    pub(crate) fn annex_b(
        file: BufReader<File>,
        limits: &DecodeLimits,
        input: &str,
    ) -> Result<Self, SourceError> {
        let mut stream = Stream::new(file, largest(limits));
        let mut first = Vec::new();
        let there =
            stream.next(&mut first).map_err(|cause| SourceError::Io { input: input.to_owned(), cause })?;
        let mut parameters = Parameters::default();
        parameters.scan(&first);
        if !there || !parameters.any() {
            return Err(SourceError::Malformed {
                input: input.to_owned(),
                what: "no parameter sets (SPS/PPS) before the first frame".into(),
            });
        }
        Ok(Self::AnnexB(Box::new(AnnexB { stream, next: 0, first: Some(first), parameters })))
    }

    /// Whether the pictures are of a kind that can be decoded, as far as can be told before the first.
    ///
    /// # Errors
    /// What they are.
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

    /// Puts the next picture's data into `out`, parameter sets in front where they are new.
    pub(crate) fn next(&mut self, out: &mut Vec<u8>) -> io::Result<Next> {
        match self {
            Self::Mp4(mp4) => mp4.next(out),
            Self::AnnexB(stream) => stream.next(out),
        }
    }

    pub(crate) fn turn(&self) -> Turn {
        match self {
            Self::Mp4(mp4) => mp4.movie.turn,
            Self::AnnexB(_) => Turn::default(),
        }
    }

    pub(crate) fn frames(&self) -> Option<u64> {
        match self {
            Self::Mp4(mp4) => Some(mp4.movie.samples.len() as u64),
            Self::AnnexB(_) => None,
        }
    }

    pub(crate) fn frame_rate(&self) -> Option<f64> {
        match self {
            Self::Mp4(mp4) => mp4.movie.frame_rate(),
            Self::AnnexB(stream) => stream.parameters.first().and_then(|sps| sps.rate),
        }
    }

    /// The time from picture to picture, where pictures have no time stamps of their own.
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

/// The bytes that a coded picture may have. A macroblock takes 3200 bits at most (H.264 7.4.5), 1.6 bytes a pixel; and
/// there may be something beside it.
fn largest(limits: &DecodeLimits) -> u64 {
    limits.bytes.min(limits.video_pixels.saturating_mul(2).saturating_add(1 << 20))
}

/// The parameter sets of a description, as Annex B.
fn sets(entry: &Entry) -> Vec<u8> {
    let mut out = Vec::new();
    if let Entry::Avc { sets, .. } = entry {
        for set in sets {
            nal::push(&mut out, set);
        }
    }
    out
}

impl Mp4 {
    /// The parameter sets that the first sample is decoded with; `None` where there are none.
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

    fn next(&mut self, out: &mut Vec<u8>) -> io::Result<Next> {
        loop {
            let count = self.movie.samples.len();
            if self.next >= self.end {
                let expected = self.movie.counted.then_some(count as u64);
                // What is missing behind the last sample of a full list was none of the video's.
                let cut = self.end < count || self.movie.truncated && !self.movie.counted;
                let truncated = cut.then_some(expected);
                return Ok(Next::End { truncated });
            }
            let index = self.next as u64;
            let sample = self.movie.samples[self.next];
            self.next += 1;
            // An empty sample repeats the picture before it.
            if sample.size > 0 {
                return Ok(match self.read(&sample, out)? {
                    Ok(()) => Next::Unit { index, pts: self.movie.pts(&sample), key: sample.key },
                    Err(what) => Next::Lost { index, key: sample.key, what },
                });
            }
        }
    }

    /// Reads a sample and turns its lengths into start codes. The inner error is what is wrong with the sample.
    fn read(&mut self, sample: &Sample, out: &mut Vec<u8>) -> io::Result<Result<(), String>> {
        let size = u64::from(sample.size);
        if sample.offset.saturating_add(size) > self.file.len() {
            return Ok(Err(format!("sample outside file: at byte {} of {}", sample.offset, self.file.len())));
        }
        if size > self.limit {
            return Ok(Err(format!("a sample of {size} bytes, over the limit of {}", self.limit)));
        }
        let Some(entry @ Entry::Avc { length, .. }) = self.movie.entries.get(usize::from(sample.entry))
        else {
            return Ok(Err("a sample without a description".into()));
        };
        // Samples may lie over each other. In hostile files all of them do, so that a small file is read for ever.
        self.left = self.left.checked_sub(size).ok_or_else(|| {
            let what = "its samples lie over each other and have more bytes than the whole file";
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

/// Appends the NAL units of a sample, each after its length of `length` bytes, as Annex B.
fn to_annex_b(mut sample: &[u8], length: usize, out: &mut Vec<u8>) -> Result<(), String> {
    while !sample.is_empty() {
        let Some((head, rest)) = sample.split_at_checked(length) else {
            return Err(format!("{} bytes after its last NAL unit", sample.len()));
        };
        let len = head.iter().fold(0_usize, |len, &b| len << 8 | usize::from(b));
        let Some((unit, rest)) = rest.split_at_checked(len) else {
            return Err(format!("a NAL unit of {len} bytes where {} are left", rest.len()));
        };
        if !unit.is_empty() {
            nal::push(out, unit);
        }
        sample = rest;
    }
    Ok(())
}

impl AnnexB {
    fn next(&mut self, out: &mut Vec<u8>) -> io::Result<Next> {
        let there = match self.first.take() {
            Some(first) => {
                *out = first;
                true
            }
            None => self.stream.next(out)?,
        };
        let index = self.next;
        self.next += 1;
        Ok(if there { Next::Unit { index, pts: None, key: false } } else { Next::End { truncated: None } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_become_start_codes_and_bad_ones_are_told() {
        let mut out = Vec::new();
        to_annex_b(&[0, 2, 0x65, 1, 0, 0, 0, 1, 0x41], 2, &mut out).unwrap();
        assert_eq!(out, [0, 0, 0, 1, 0x65, 1, 0, 0, 0, 1, 0x41]);
        let error = to_annex_b(&[0x7f, 0xff, 0xff, 0xff, 1], 4, &mut out).unwrap_err();
        assert_eq!(error, "a NAL unit of 2147483647 bytes where 1 are left");
        assert!(to_annex_b(&[0, 0], 4, &mut out).is_err());
        assert!(to_annex_b(&[], 4, &mut out).is_ok());
    }
}
