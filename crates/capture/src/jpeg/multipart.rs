//! Finds the pictures in a multipart body. The parser itself does no input or output.
//!
//! Cameras get nearly everything about RFC 2046 wrong: the boundary's dashes, the line ends and `Content-Length`. Some send
//! another boundary than they declare. The parser needs none of that. A part begins behind the boundary's line and a blank
//! line, or with the first bytes of a JPEG picture. A picture ends at its own end marker (ITU-T T.81 Annex B), or at the next
//! boundary if it is cut off. The parser therefore returns a picture with its last byte, and not only when the next part
//! begins.

use memchr::{memchr, memmem};

/// The most bytes of all lines between a boundary and its picture.
const MAX_HEADER_LEN: usize = 16 << 10;
/// The most bytes of a boundary. RFC 2046 allows 70 characters.
const MAX_BOUNDARY_LEN: usize = 200;

/// A part of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A JPEG picture, from its first marker to its last one, or to the point at which it was cut off.
    Picture(Vec<u8>),
    /// A part without a picture, and the reason.
    Lost(&'static str),
}

/// Finds the parts of a body.
///
/// The pieces in which the bytes come don't change the parts. The time is linear in the bytes. The memory is bounded by the
/// size of a picture and of a piece.
#[derive(Debug)]
pub(crate) struct MultipartParser {
    /// `--` and the boundary. Empty until the boundary is known.
    needle: Vec<u8>,
    /// True if there are no boundaries, and the pictures follow each other.
    bare: bool,
    limit: usize,
    buffer: Vec<u8>,
    /// The bytes before this offset of the buffer are processed.
    start: usize,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Before the first boundary. A line that begins with two dashes is one, even if another was declared.
    Learn,
    /// Searching for the next boundary.
    Seek,
    /// In the lines behind a boundary, after `used` bytes of them. `first` is true in the rest of the boundary's own line.
    Header { used: usize, first: bool },
    /// Before the first byte of a picture.
    Begin,
    /// In a picture, whose first `searched` bytes hold no boundary.
    Picture { walk: MarkerWalk, searched: usize },
}

/// A walk along the markers of a picture.
#[derive(Clone, Copy, Debug)]
struct MarkerWalk {
    offset: usize,
    region: JpegRegion,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JpegRegion {
    /// A marker must follow.
    Segments,
    /// Coded samples.
    Samples,
    /// The markers are broken. Only a boundary can end the picture.
    Broken,
}

impl MultipartParser {
    /// Creates a parser for pictures of at most `limit` bytes.
    ///
    /// `boundary` is the one that the response's header declares, with or without dashes before it. Without one, the
    /// parser learns it from the body.
    pub(crate) fn new(boundary: Option<&str>, limit: usize) -> Self {
        let core = boundary.map(|b| b.trim_start_matches('-')).unwrap_or_default();
        let usable =
            !core.is_empty() && core.len() <= MAX_BOUNDARY_LEN && core.bytes().all(|b| b.is_ascii_graphic());
        let needle = if usable { format!("--{core}").into_bytes() } else { Vec::new() };
        Self { needle, bare: false, limit, buffer: Vec::new(), start: 0, state: State::Learn }
    }

    /// Creates a parser for pictures that follow each other without boundaries.
    pub(crate) fn bare(limit: usize) -> Self {
        Self { bare: true, state: State::Begin, ..Self::new(None, limit) }
    }

    /// Parses the next bytes of the body and appends the parts that they complete to `out`.
    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut Vec<Part>) {
        self.buffer.extend_from_slice(bytes);
        while self.step(out) {}
        self.buffer.drain(..self.start);
        self.start = 0;
    }

    /// Returns true if a picture has begun and not ended.
    pub(crate) fn is_in_picture(&self) -> bool {
        matches!(self.state, State::Picture { .. })
    }

    /// Does one step. Returns false if it needs more bytes.
    fn step(&mut self, out: &mut Vec<Part>) -> bool {
        match self.state {
            State::Learn => self.learn(),
            State::Seek => self.seek(),
            State::Header { used, first } => self.header(used, first, out),
            State::Begin => self.begin(out),
            State::Picture { walk, searched } => self.picture(walk, searched, out),
        }
    }

    /// Reads lines until one is a boundary.
    fn learn(&mut self) -> bool {
        let rest = &self.buffer[self.start..];
        let Some(end) = memchr(b'\n', &rest[..rest.len().min(MAX_HEADER_LEN)]) else {
            if rest.len() >= MAX_HEADER_LEN {
                self.state = if self.needle.is_empty() { State::Learn } else { State::Seek };
                self.start += if self.needle.is_empty() { MAX_HEADER_LEN } else { 0 };
                return true;
            }
            return false;
        };
        let line = rest[..end].trim_ascii();
        let core = line.iter().position(|&b| b != b'-').map_or(&[][..], |at| &line[at..]);
        if !self.needle.is_empty() && memmem::find(&rest[..end], &self.needle).is_some() {
            self.state = State::Seek;
            return true;
        }
        self.start += end + 1;
        let plain = core.len() <= MAX_BOUNDARY_LEN && core.iter().all(u8::is_ascii_graphic);
        if line.starts_with(b"--") && !core.is_empty() && plain {
            self.needle = [b"--", core].concat();
            self.state = State::Header { used: 0, first: false };
        }
        true
    }

    fn seek(&mut self) -> bool {
        match memmem::find(&self.buffer[self.start..], &self.needle) {
            Some(at) => {
                self.start += at + self.needle.len();
                self.state = State::Header { used: 0, first: true };
                true
            }
            None => {
                // The last bytes may be the beginning of a boundary.
                self.start = self.start.max((self.buffer.len() + 1).saturating_sub(self.needle.len()));
                false
            }
        }
    }

    fn header(&mut self, used: usize, first: bool, out: &mut Vec<Part>) -> bool {
        let rest = &self.buffer[self.start..];
        let room = (MAX_HEADER_LEN - used).min(rest.len());
        if !first && rest.first().is_some_and(|&b| b == 0xFF) {
            self.state = State::Begin;
            return true;
        }
        let Some(end) = memchr(b'\n', &rest[..room]) else {
            if room < MAX_HEADER_LEN - used {
                return false;
            }
            out.push(Part::Lost("a part with an endless header"));
            self.start += room;
            self.state = State::Seek;
            return true;
        };
        let line = rest[..end].trim_ascii();
        self.start += end + 1;
        self.state = match (first, line) {
            (false, []) => State::Begin,
            _ => State::Header { used: used + end + 1, first: false },
        };
        true
    }

    fn begin(&mut self, out: &mut Vec<Part>) -> bool {
        if self.bare {
            // Skip everything between two pictures.
            match memmem::find(&self.buffer[self.start..], &[0xFF, 0xD8]) {
                Some(at) => self.start += at,
                None => {
                    self.start = self.start.max(self.buffer.len().saturating_sub(1));
                    return false;
                }
            }
        }
        let rest = &self.buffer[self.start..];
        let blank = rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
        self.start += blank;
        match self.buffer[self.start..] {
            [0xFF, 0xD8, ..] => {
                let walk = MarkerWalk { offset: 2, region: JpegRegion::Segments };
                self.state = State::Picture { walk, searched: 0 };
                true
            }
            [] | [0xFF] => false,
            [first, ..] => {
                if first != b'-' {
                    out.push(Part::Lost("a part that is not a JPEG picture"));
                }
                self.state = State::Seek;
                true
            }
        }
    }

    fn picture(&mut self, mut walk: MarkerWalk, searched: usize, out: &mut Vec<Part>) -> bool {
        let rest = &self.buffer[self.start..];
        // A boundary before the picture's end cuts the picture off.
        let cut = self.boundary(rest, searched);
        let end = walk.end(&rest[..cut.unwrap_or(rest.len())]);
        // If there is neither, a boundary may have begun within the limit.
        let len = end.or(cut).unwrap_or(rest.len().saturating_sub(self.needle.len()));
        if len > self.limit {
            out.push(Part::Lost("a picture that is larger than the limit"));
            self.state = if self.bare { State::Begin } else { State::Seek };
            self.start += self.limit;
            return true;
        }
        if let Some(end) = end {
            out.push(Part::Picture(rest[..end].to_vec()));
            self.start += end;
            self.state = if self.bare { State::Begin } else { State::Seek };
            return true;
        }
        if let Some(cut) = cut {
            out.push(Part::Picture(rest[..cut].trim_ascii_end().to_vec()));
            self.start += cut;
            self.state = State::Seek;
            return true;
        }
        let searched = rest.len().saturating_sub(self.needle.len());
        self.state = State::Picture { walk, searched };
        false
    }

    /// Returns the offset of the next boundary. A short one counts only at the beginning of a line, since it may be a part of
    /// a picture by chance.
    fn boundary(&self, bytes: &[u8], from: usize) -> Option<usize> {
        if self.bare || self.needle.is_empty() {
            return None;
        }
        let mut from = from.min(bytes.len());
        loop {
            let at = from + memmem::find(&bytes[from..], &self.needle)?;
            if self.needle.len() >= 8 || at > 0 && bytes[at - 1] == b'\n' {
                return Some(at);
            }
            from = at + 1;
        }
    }
}

/// The length of the first picture in a growing buffer.
#[cfg(feature = "images")]
#[derive(Debug)]
pub(crate) struct FirstPicture(MarkerWalk);

#[cfg(feature = "images")]
impl FirstPicture {
    /// Begins at a picture's first two bytes.
    pub(crate) fn new() -> Self {
        Self(MarkerWalk { offset: 2, region: JpegRegion::Segments })
    }

    /// Returns the length of the picture with which `bytes` begin, or `None` if its end isn't there yet. `bytes` may only grow
    /// from call to call.
    pub(crate) fn len(&mut self, bytes: &[u8]) -> Option<usize> {
        self.0.end(bytes)
    }
}

impl MarkerWalk {
    /// Returns the offset at which the picture ends, or `None` if the end isn't there yet.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        loop {
            match self.region {
                JpegRegion::Broken => return None,
                JpegRegion::Samples => {
                    self.offset +=
                        memchr(0xFF, bytes.get(self.offset..)?).unwrap_or(bytes.len() - self.offset);
                    match *bytes.get(self.offset + 1)? {
                        0x00 | 0xD0..=0xD7 => self.offset += 2,
                        0xFF => self.offset += 1,
                        _ => self.region = JpegRegion::Segments,
                    }
                }
                JpegRegion::Segments => match *bytes.get(self.offset..)? {
                    [0xFF, 0xFF, ..] => self.offset += 1,
                    [0xFF, 0xD9, ..] => return Some(self.offset + 2),
                    [0xFF, 0x01 | 0xD0..=0xD8, ..] => self.offset += 2,
                    [0xFF, 0x00, ..] => self.region = JpegRegion::Broken,
                    [0xFF, marker, high, low, ..] => {
                        let len = usize::from(u16::from_be_bytes([high, low]));
                        self.offset += 2 + len;
                        self.region = match marker {
                            _ if len < 2 => JpegRegion::Broken,
                            0xDA => JpegRegion::Samples,
                            _ => JpegRegion::Segments,
                        };
                    }
                    [] | [0xFF] | [0xFF, _] | [0xFF, _, _] => return None,
                    _ => self.region = JpegRegion::Broken,
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns a picture's markers around some coded bytes, which may look like anything but a marker.
    fn picture(samples: &[u8]) -> Vec<u8> {
        let mut bytes =
            vec![0xFF, 0xD8, 0xFF, 0xE1, 0, 8, b'\n', b'-', b'-', 0xFF, 0xD9, b'x', 0xFF, 0xDA, 0, 3, 1];
        for &sample in samples {
            bytes.extend_from_slice(if sample == 0xFF { &[0xFF, 0] } else { std::slice::from_ref(&sample) });
        }
        bytes.extend([0xFF, 0xD3, 7, 0xFF, 0xD9]);
        bytes
    }

    fn whole(mut parser: MultipartParser, bytes: &[u8]) -> Vec<Part> {
        let mut out = Vec::new();
        parser.push(bytes, &mut out);
        out
    }

    fn pieces(mut parser: MultipartParser, bytes: &[u8], sizes: &[usize]) -> Vec<Part> {
        let mut out = Vec::new();
        let mut at = 0;
        for size in sizes.iter().cycle() {
            if at == bytes.len() {
                break;
            }
            let end = bytes.len().min(at + size);
            parser.push(&bytes[at..end], &mut out);
            at = end;
        }
        out
    }

    #[test]
    fn a_picture_comes_with_its_last_byte() {
        let picture = picture(b"samples");
        let mut parts = MultipartParser::new(Some("b"), 1000);
        let mut out = Vec::new();
        parts.push(b"--b\r\nContent-Type: image/jpeg\r\n\r\n", &mut out);
        parts.push(&picture[..picture.len() - 1], &mut out);
        assert_eq!((out.len(), parts.is_in_picture()), (0, true));
        parts.push(&picture[picture.len() - 1..], &mut out);
        assert_eq!((out, parts.is_in_picture()), (vec![Part::Picture(picture)], false));
    }

    #[test]
    fn the_next_picture_follows_a_part_without_one() {
        let good = picture(b"good");
        let long = vec![b'x'; 5000];
        let cut = [0xFF, 0xD8, 0xFF, 0xDA, 0, 2, 1, 2, 3];
        let endless = vec![b'h'; MAX_HEADER_LEN];
        let mut bytes = b"hello\r\n--bound\r\n\r\ntext\r\n--bound\r\n\r\n".to_vec();
        bytes.extend(cut);
        bytes.extend(b"\r\n--bound\r\n\r\n");
        bytes.extend(picture(&long));
        bytes.extend(b"\r\n--bound\r\n\r\n\r\n--bound\r\n");
        bytes.extend(endless);
        bytes.extend(b"\n--bound--\n--bound\n\n");
        bytes.extend(&good);
        let want = vec![
            Part::Lost("a part that is not a JPEG picture"),
            Part::Picture(cut.to_vec()),
            Part::Lost("a picture that is larger than the limit"),
            Part::Lost("a part with an endless header"),
            Part::Picture(good),
        ];
        assert_eq!(whole(MultipartParser::new(Some("bound"), 1000), &bytes), want);
        assert_eq!(pieces(MultipartParser::new(Some("bound"), 1000), &bytes, &[1]), want);
    }

    #[test]
    fn parts_may_begin_with_a_boundary_that_should_be_the_last() {
        let good = picture(b"good");
        let part = [b"--frame--\r\nContent-Type: image/jpeg\r\n\r\n".as_slice(), &good, b"\r\n"].concat();
        let want = vec![Part::Picture(good.clone()), Part::Picture(good)];
        for boundary in [Some("frame"), Some("--frame"), Some("frame--"), None] {
            assert_eq!(whole(MultipartParser::new(boundary, 1000), &part.repeat(2)), want, "{boundary:?}");
        }
    }

    #[test]
    fn the_memory_for_an_endless_picture_is_bounded() {
        let mut parts = MultipartParser::new(Some("boundary"), 100_000);
        let mut out = Vec::new();
        let mut begin = b"--boundary\n\n".to_vec();
        begin.extend([0xFF, 0xD8, 0xFF, 0xDA, 0, 2]);
        let pieces = [begin, vec![0xFF; 1000], vec![b'-'; 1000], vec![b'\n'; 1000], vec![0; 1000]];
        for i in 0..20_000 {
            parts.push(&pieces[i % pieces.len()], &mut out);
            assert!(parts.buffer.len() < 110_000);
        }
    }

    #[test]
    fn the_memory_for_an_endless_header_is_bounded() {
        let mut out = Vec::new();
        let mut parts = MultipartParser::new(None, 100_000);
        for _ in 0..1000 {
            parts.push(&[b'x'; 1000], &mut out);
            assert!(parts.buffer.len() < 2 * MAX_HEADER_LEN);
        }
    }

    /// Returns bodies of bytes that make up parts, and of bytes that look like it.
    fn body() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"--bound\r\n\r\n".to_vec()),
            Just(b"\n--bound--\r\n".to_vec()),
            Just(b"--bou".to_vec()),
            Just(b"\r\n--bound\nContent-Length: 3\n".to_vec()),
            Just(b"--other\n\n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(vec![0xFF, 0xD8]),
            Just(vec![0xFF, 0xD9]),
            Just(vec![0xFF, 0xDA, 0, 2]),
            prop::collection::vec(any::<u8>(), 0..300).prop_map(|samples| picture(&samples)),
            prop::collection::vec(any::<u8>(), 0..20),
        ];
        prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            bytes in body(), sizes in prop::collection::vec(1_usize..60, 1..8), limit in 20_usize..400,
            boundary in prop::sample::select(&[None, Some("bound"), Some("--bound"), Some("x")][..]),
        ) {
            let new = || MultipartParser::new(boundary, limit);
            prop_assert_eq!(pieces(new(), &bytes, &sizes), whole(new(), &bytes));
            let bare = || MultipartParser::bare(limit);
            prop_assert_eq!(pieces(bare(), &bytes, &sizes), whole(bare(), &bytes));
        }

        #[test]
        fn every_picture_comes_complete(samples in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6)) {
            let pictures: Vec<_> = samples.iter().map(|s| picture(s)).collect();
            let mut bytes = Vec::new();
            for picture in &pictures {
                bytes.extend(b"\r\n--a-long-boundary\r\nContent-Length: 1\r\n\r\n");
                bytes.extend(picture);
            }
            let want: Vec<_> = pictures.into_iter().map(Part::Picture).collect();
            prop_assert_eq!(whole(MultipartParser::new(Some("a-long-boundary"), 1 << 20), &bytes), want.clone());
            prop_assert_eq!(whole(MultipartParser::new(None, 1 << 20), &bytes), want.clone());
            prop_assert_eq!(whole(MultipartParser::bare(1 << 20), &bytes), want);
        }
    }
}
