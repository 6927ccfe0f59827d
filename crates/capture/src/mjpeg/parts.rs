//! Pictures out of a multipart body: bytes in, pictures out, no input or output of its own.
//!
//! Cameras get nearly everything about RFC 2046 wrong: the boundary's dashes, the line ends, `Content-Length`, and some
//! declare another boundary than they send. Nothing of that is needed to find a picture. A part begins after the
//! boundary's line and a blank line, or with the first bytes of a JPEG picture; a picture ends where its own markers say
//! (ITU-T T.81 Annex B), or where the next boundary cuts it off. So a picture is there with its last byte, and not only
//! when the next part begins.

use memchr::{memchr, memmem};

/// How long the lines between a boundary and its picture may be together.
const HEADER: usize = 16 << 10;
/// How long a boundary may be. RFC 2046 allows 70 characters.
const BOUNDARY: usize = 200;

/// What was in the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A JPEG picture, from its first marker to its last, or to where it was cut off.
    Picture(Vec<u8>),
    /// A part that gives no picture, and why.
    Lost(&'static str),
}

/// Finds the parts of a body. The same bytes give the same parts, in whatever pieces they come; time is linear in the
/// bytes, memory is bounded by the size of a picture and the piece.
#[derive(Debug)]
pub(super) struct Parts {
    /// `--` and the boundary; empty until it is known.
    needle: Vec<u8>,
    /// One boundary after another, or none at all: pictures follow each other.
    bare: bool,
    limit: usize,
    buffer: Vec<u8>,
    /// What lies before it in the buffer is done with.
    start: usize,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Before the first boundary: a line that begins with two dashes is one, whatever was declared.
    Learn,
    /// Looking for the next boundary.
    Seek,
    /// In the lines after a boundary, of which so many bytes have gone by. The rest of its own line is the first.
    Header { used: usize, first: bool },
    /// Before the first byte of a picture.
    Begin,
    /// In a picture, of which so many bytes were searched for a boundary.
    Picture { walk: Walk, searched: usize },
}

/// How far the markers of a picture were followed.
#[derive(Clone, Copy, Debug)]
struct Walk {
    at: usize,
    inside: Inside,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    /// A marker must follow.
    Segments,
    /// Coded samples.
    Samples,
    /// These are no markers: only a boundary can end it.
    Nothing,
}

impl Parts {
    /// Parts up to so many bytes. `boundary` is what the header declares, with or without dashes before it; without one it
    /// is learnt from the body.
    pub(super) fn new(boundary: Option<&str>, limit: usize) -> Self {
        let core = boundary.map(|b| b.trim_start_matches('-')).unwrap_or_default();
        let usable = !core.is_empty() && core.len() <= BOUNDARY && core.bytes().all(|b| b.is_ascii_graphic());
        let needle = if usable { format!("--{core}").into_bytes() } else { Vec::new() };
        Self { needle, bare: false, limit, buffer: Vec::new(), start: 0, state: State::Learn }
    }

    /// Pictures that follow each other with nothing, or something else, between them.
    pub(super) fn bare(limit: usize) -> Self {
        Self { bare: true, state: State::Begin, ..Self::new(None, limit) }
    }

    /// Takes the next bytes of the body, and adds to `out` what is complete with them.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<Part>) {
        self.buffer.extend_from_slice(bytes);
        while self.step(out) {}
        self.buffer.drain(..self.start);
        self.start = 0;
    }

    /// True where a picture has begun and not ended.
    pub(super) fn is_in_picture(&self) -> bool {
        matches!(self.state, State::Picture { .. })
    }

    /// Does one thing. False where it needs more bytes.
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
        let Some(end) = memchr(b'\n', &rest[..rest.len().min(HEADER)]) else {
            if rest.len() >= HEADER {
                self.state = if self.needle.is_empty() { State::Learn } else { State::Seek };
                self.start += if self.needle.is_empty() { HEADER } else { 0 };
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
        let plain = core.len() <= BOUNDARY && core.iter().all(u8::is_ascii_graphic);
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
                // The last bytes may be the beginning of one.
                self.start = self.start.max((self.buffer.len() + 1).saturating_sub(self.needle.len()));
                false
            }
        }
    }

    fn header(&mut self, used: usize, first: bool, out: &mut Vec<Part>) -> bool {
        let rest = &self.buffer[self.start..];
        let room = (HEADER - used).min(rest.len());
        if !first && rest.first().is_some_and(|&b| b == 0xFF) {
            self.state = State::Begin;
            return true;
        }
        let Some(end) = memchr(b'\n', &rest[..room]) else {
            if room < HEADER - used {
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
            // The last boundary. Some cameras go on after it.
            (true, [b'-', b'-', ..]) => State::Seek,
            (false, []) => State::Begin,
            _ => State::Header { used: used + end + 1, first: false },
        };
        true
    }

    fn begin(&mut self, out: &mut Vec<Part>) -> bool {
        if self.bare {
            // Whatever lies between two pictures.
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
                let walk = Walk { at: 2, inside: Inside::Segments };
                self.state = State::Picture { walk, searched: 0 };
                true
            }
            [] | [0xFF] => false,
            [first, ..] => {
                if first != b'-' {
                    out.push(Part::Lost("a part that is no JPEG picture"));
                }
                self.state = State::Seek;
                true
            }
        }
    }

    fn picture(&mut self, mut walk: Walk, searched: usize, out: &mut Vec<Part>) -> bool {
        let rest = &self.buffer[self.start..];
        // A boundary that comes before the picture's end cuts it off.
        let cut = self.boundary(rest, searched);
        let end = walk.end(&rest[..cut.unwrap_or(rest.len())]);
        // Without either, a boundary may have begun within the limit.
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

    /// Where a boundary begins. A short one may be part of a picture by chance, unless a line begins with it.
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

impl Walk {
    /// Where the picture ends, as far as it is there.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        loop {
            match self.inside {
                Inside::Nothing => return None,
                Inside::Samples => {
                    self.at += memchr(0xFF, bytes.get(self.at..)?).unwrap_or(bytes.len() - self.at);
                    match *bytes.get(self.at + 1)? {
                        0x00 | 0xD0..=0xD7 => self.at += 2,
                        0xFF => self.at += 1,
                        _ => self.inside = Inside::Segments,
                    }
                }
                Inside::Segments => match *bytes.get(self.at..)? {
                    [0xFF, 0xFF, ..] => self.at += 1,
                    [0xFF, 0xD9, ..] => return Some(self.at + 2),
                    [0xFF, 0x01 | 0xD0..=0xD8, ..] => self.at += 2,
                    [0xFF, 0x00, ..] => self.inside = Inside::Nothing,
                    [0xFF, marker, high, low, ..] => {
                        let len = usize::from(u16::from_be_bytes([high, low]));
                        self.at += 2 + len;
                        self.inside = match marker {
                            _ if len < 2 => Inside::Nothing,
                            0xDA => Inside::Samples,
                            _ => Inside::Segments,
                        };
                    }
                    [] | [0xFF] | [0xFF, _] | [0xFF, _, _] => return None,
                    _ => self.inside = Inside::Nothing,
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The markers of a picture around some coded bytes, which may look like anything but a marker.
    fn picture(samples: &[u8]) -> Vec<u8> {
        let mut bytes =
            vec![0xFF, 0xD8, 0xFF, 0xE1, 0, 8, b'\n', b'-', b'-', 0xFF, 0xD9, b'x', 0xFF, 0xDA, 0, 3, 1];
        for &sample in samples {
            bytes.extend_from_slice(if sample == 0xFF { &[0xFF, 0] } else { std::slice::from_ref(&sample) });
        }
        bytes.extend([0xFF, 0xD3, 7, 0xFF, 0xD9]);
        bytes
    }

    fn whole(mut parts: Parts, bytes: &[u8]) -> Vec<Part> {
        let mut out = Vec::new();
        parts.push(bytes, &mut out);
        out
    }

    fn pieces(mut parts: Parts, bytes: &[u8], sizes: &[usize]) -> Vec<Part> {
        let (mut out, mut at) = (Vec::new(), 0);
        for size in sizes.iter().cycle() {
            if at == bytes.len() {
                break;
            }
            let end = bytes.len().min(at + size);
            parts.push(&bytes[at..end], &mut out);
            at = end;
        }
        out
    }

    #[test]
    fn a_picture_is_there_with_its_last_byte() {
        let picture = picture(b"samples");
        let mut parts = Parts::new(Some("b"), 1000);
        let mut out = Vec::new();
        parts.push(b"--b\r\nContent-Type: image/jpeg\r\n\r\n", &mut out);
        parts.push(&picture[..picture.len() - 1], &mut out);
        assert_eq!((out.len(), parts.is_in_picture()), (0, true));
        parts.push(&picture[picture.len() - 1..], &mut out);
        assert_eq!((out, parts.is_in_picture()), (vec![Part::Picture(picture)], false));
    }

    #[test]
    fn what_is_no_picture_is_told_and_the_next_one_comes() {
        let good = picture(b"good");
        let long = vec![b'x'; 5000];
        let (cut, endless) = ([0xFF, 0xD8, 0xFF, 0xDA, 0, 2, 1, 2, 3], vec![b'h'; HEADER]);
        let mut bytes = b"hello\r\n--bound\r\n\r\ntext\r\n--bound\r\n\r\n".to_vec();
        bytes.extend(cut);
        bytes.extend(b"\r\n--bound\r\n\r\n");
        bytes.extend(picture(&long));
        bytes.extend(b"\r\n--bound\r\n\r\n\r\n--bound\r\n");
        bytes.extend(endless);
        bytes.extend(b"\n--bound--\n--bound\n\n");
        bytes.extend(&good);
        let want = vec![
            Part::Lost("a part that is no JPEG picture"),
            Part::Picture(cut.to_vec()),
            Part::Lost("a picture that is larger than the limit"),
            Part::Lost("a part with an endless header"),
            Part::Picture(good),
        ];
        assert_eq!(whole(Parts::new(Some("bound"), 1000), &bytes), want);
        assert_eq!(pieces(Parts::new(Some("bound"), 1000), &bytes, &[1]), want);
    }

    #[test]
    fn memory_is_bounded_and_time_is_linear() {
        let mut parts = Parts::new(Some("boundary"), 100_000);
        let mut out = Vec::new();
        let mut begin = b"--boundary\n\n".to_vec();
        begin.extend([0xFF, 0xD8, 0xFF, 0xDA, 0, 2]);
        let pieces = [begin, vec![0xFF; 1000], vec![b'-'; 1000], vec![b'\n'; 1000], vec![0; 1000]];
        for i in 0..20_000 {
            parts.push(&pieces[i % pieces.len()], &mut out);
            assert!(parts.buffer.len() < 110_000);
        }
        let mut parts = Parts::new(None, 100_000);
        for _ in 0..1000 {
            parts.push(&[b'x'; 1000], &mut out);
            assert!(parts.buffer.len() < 2 * HEADER);
        }
    }

    /// Bytes of which parts are made, and such as look like it.
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
            let new = || Parts::new(boundary, limit);
            prop_assert_eq!(pieces(new(), &bytes, &sizes), whole(new(), &bytes));
            let bare = || Parts::bare(limit);
            prop_assert_eq!(pieces(bare(), &bytes, &sizes), whole(bare(), &bytes));
        }

        #[test]
        fn every_picture_comes_whole(samples in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6)) {
            let pictures: Vec<_> = samples.iter().map(|s| picture(s)).collect();
            let mut bytes = Vec::new();
            for picture in &pictures {
                bytes.extend(b"\r\n--a-long-boundary\r\nContent-Length: 1\r\n\r\n");
                bytes.extend(picture);
            }
            let want: Vec<_> = pictures.into_iter().map(Part::Picture).collect();
            prop_assert_eq!(whole(Parts::new(Some("a-long-boundary"), 1 << 20), &bytes), want.clone());
            prop_assert_eq!(whole(Parts::new(None, 1 << 20), &bytes), want.clone());
            prop_assert_eq!(whole(Parts::bare(1 << 20), &bytes), want);
        }
    }
}
