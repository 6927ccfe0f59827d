//! JPEG pictures one after another in a file: a raw MJPEG stream, or the saved stream of an HTTP camera.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::time::Duration;

use passerby_types::{Codec, CodedDemand, CodedOffer, FramePool, Picture, SourceError};

use super::sequence::PictureSequence;
use crate::jpeg;
use crate::jpeg::multipart::{FirstPicture, MultipartParser, Part};
use crate::limits::DecodeLimits;

/// The pictures per second, since the file declares none. ffmpeg takes the same number.
pub(super) const RATE: u32 = 25;
/// The bytes to read at a time.
const READ_SIZE: usize = 64 << 10;
/// The most bytes between two pictures.
const MAX_GAP: usize = 16;
/// The mark of a file for one photograph and its other versions (CIPA DC-007), such as a preview or a gain map.
const MULTI_PICTURE_MARK: &[u8] = b"MPF\0";

/// Reads the pictures of a stream of JPEG pictures.
pub(super) struct MjpegFile {
    file: BufReader<File>,
    parser: MultipartParser,
    limits: DecodeLimits,
    found: VecDeque<Part>,
    next_number: u64,
    coded: CodedOffer,
    ended: bool,
}

impl MjpegFile {
    /// Reads a saved stream whose pictures have boundaries between them.
    pub(super) fn multipart(file: BufReader<File>, limits: DecodeLimits) -> Self {
        Self::new(file, MultipartParser::new(None, max_picture(&limits)), limits)
    }

    /// Reads pictures that follow each other without boundaries. Returns `None` if the file holds one picture.
    pub(super) fn bare(
        mut file: BufReader<File>,
        limits: DecodeLimits,
        input: &str,
    ) -> Result<Option<Self>, SourceError> {
        let several = has_second_picture(&mut file, max_picture(&limits));
        let several = several.map_err(|cause| SourceError::Io { input: input.into(), cause })?;
        Ok(several.then(|| Self::new(file, MultipartParser::bare(max_picture(&limits)), limits)))
    }

    fn new(file: BufReader<File>, parser: MultipartParser, limits: DecodeLimits) -> Self {
        let coded = CodedOffer::default();
        Self { file, parser, limits, found: VecDeque::new(), next_number: 0, coded, ended: false }
    }

    /// Reads until a part is complete. Returns `None` at the end of the file.
    fn part(&mut self) -> io::Result<Option<Part>> {
        let mut piece = [0; READ_SIZE];
        while self.found.is_empty() && !self.ended {
            let len = self.file.read(&mut piece)?;
            self.ended = len == 0;
            let mut parts = Vec::new();
            self.parser.push(&piece[..len], &mut parts);
            self.found.extend(parts);
        }
        Ok(self.found.pop_front())
    }
}

/// Returns the most bytes of a coded picture.
fn max_picture(limits: &DecodeLimits) -> usize {
    usize::try_from(limits.bytes).unwrap_or(usize::MAX)
}

/// Returns true if another picture follows the first one at once. Leaves the file at its start.
fn has_second_picture(file: &mut (impl Read + Seek), max_picture: usize) -> io::Result<bool> {
    let mut bytes = Vec::new();
    let mut first = FirstPicture::new();
    let mut is_over = false;
    let found = loop {
        if let Some(len) = first.len(&bytes).filter(|len| is_over || bytes.len() >= len + MAX_GAP + 2) {
            let rest = &bytes[len..];
            let gap = rest.iter().take_while(|b| matches!(b, 0 | b'\r' | b'\n')).count();
            let is_photograph = bytes[..len.min(READ_SIZE)]
                .windows(MULTI_PICTURE_MARK.len())
                .any(|part| part == MULTI_PICTURE_MARK);
            break gap <= MAX_GAP && rest[gap..].starts_with(&[0xFF, 0xD8, 0xFF]) && !is_photograph;
        }
        if is_over || bytes.len() > max_picture {
            break false;
        }
        let before = bytes.len();
        file.by_ref().take(READ_SIZE as u64).read_to_end(&mut bytes)?;
        is_over = bytes.len() == before;
    };
    file.seek(SeekFrom::Start(0))?;
    Ok(found)
}

impl PictureSequence for MjpegFile {
    fn next(&mut self, pool: &FramePool, input: &str) -> Result<Option<Picture>, SourceError> {
        let part = self.part().map_err(|cause| SourceError::Io { input: input.into(), cause })?;
        let frame = self.next_number;
        let damaged = |what: String| SourceError::Damaged { input: input.into(), frame, what };
        match part {
            Some(part) => {
                self.next_number += 1;
                let Part::Picture(bytes) = part else {
                    let Part::Lost(what) = part else { return Ok(None) };
                    return Err(damaged(what.into()));
                };
                let image = jpeg::decode(&bytes, &self.limits, pool).map_err(damaged)?;
                let pts = Duration::from_secs(frame) / RATE;
                let coded = self.coded.jpeg(|| bytes.into(), image.width(), image.height());
                Ok(Some(Picture { coded, ..Picture::new(image, Some(pts)) }))
            }
            None if self.parser.is_in_picture() => {
                self.parser = MultipartParser::bare(0);
                // The cut picture counts, so that a file of nothing else has one fault and not two.
                self.next_number += 1;
                Err(SourceError::Truncated { input: input.into(), frames: frame, expected: None })
            }
            None if frame == 0 => Err(SourceError::malformed(input, "no JPEG pictures in it")),
            None => Ok(None),
        }
    }

    fn codec(&self) -> Option<Codec> {
        Some(Codec::Jpeg)
    }

    fn offer_coded(&mut self, demand: &CodedDemand) {
        self.coded.set_demand(demand);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_stream_of_one_cut_picture_has_one_fault() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut.mjpeg");
        std::fs::write(&path, b"--b\r\nContent-Type: image/jpeg\r\n\r\n\xFF\xD8").unwrap();
        let file = BufReader::new(File::open(&path).unwrap());
        let mut stream = MjpegFile::multipart(file, DecodeLimits::default());
        let pool = FramePool::default();
        assert!(stream.next(&pool, "cut.mjpeg").is_err());
        assert!(stream.next(&pool, "cut.mjpeg").unwrap().is_none());
    }

    #[test]
    fn only_a_picture_that_follows_at_once_makes_a_stream() {
        // The shortest thing that looks like a picture: a scan of two bytes.
        let picture = [0xFF, 0xD8, 0xFF, 0xDA, 0, 2, 7, 7, 0xFF, 0xD9];
        let has = |parts: &[&[u8]]| has_second_picture(&mut Cursor::new(parts.concat()), 1 << 20).unwrap();
        assert!(has(&[&picture, &picture]) && has(&[&picture, &[0; 5], &picture]));
        assert!(!has(&[&picture]) && !has(&[&picture, &[0; 17], &picture]));
        assert!(!has(&[&picture, b"garbage", &picture]));
        assert!(!has(&[&[0xFF, 0xD8, 0xFF, 0xE2, 0, 6], MULTI_PICTURE_MARK, &picture[2..], &picture]));
        assert!(!has(&[&picture[..8]]), "no end");
    }
}
