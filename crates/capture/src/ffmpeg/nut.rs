//! Reads the container NUT with one stream of raw video, as ffmpeg writes it into a pipe: pictures with exact times.
//!
//! This follows the specification of 2008 (`nut.txt`, version 3). It ignores the index and the checksums, and doesn't
//! resynchronise, because a pipe damages nothing.

use std::io::{self, Read};
use std::time::Duration;

const ID: &[u8; 25] = b"nut/multimedia container\0";
const MAIN: u64 = start_code(*b"NM", 0x7A56_1F5F_04AD);
const STREAM: u64 = start_code(*b"NS", 0x1140_5BF2_F9DB);
const SYNC_POINT: u64 = start_code(*b"NK", 0xE4AD_EECA_4569);
const INDEX: u64 = start_code(*b"NX", 0xDD67_2F23_E64E);
const INFO: u64 = start_code(*b"NI", 0xAB68_B596_BA78);

const CODED_PTS: u64 = 1 << 3;
const STREAM_ID: u64 = 1 << 4;
const SIZE_MSB: u64 = 1 << 5;
const CHECKSUM: u64 = 1 << 6;
const RESERVED: u64 = 1 << 7;
const SIDE_DATA: u64 = 1 << 8;
const HEADER_INDEX: u64 = 1 << 10;
const MATCH_TIME: u64 = 1 << 11;
const CODED: u64 = 1 << 12;
const INVALID: u64 = 1 << 13;

/// The most bytes of a header. Those of ffmpeg are shorter than 1 KiB.
const MAX_HEADER_LEN: u64 = 64 << 10;
/// The largest frame whose beginning may be elided because many frames have it in common.
const MAX_ELIDED_FRAME: u64 = 4096;

const fn start_code(name: [u8; 2], rest: u64) -> u64 {
    (name[0] as u64) << 56 | (name[1] as u64) << 48 | rest
}

/// A stream of raw pictures.
#[derive(Debug)]
pub(super) struct Nut<R> {
    from: R,
    codes: Vec<FrameCode>,
    /// The beginnings that frames may elide.
    elisions: Vec<Vec<u8>>,
    /// The time bases: the numerator and denominator of a unit in seconds.
    bases: Vec<(u64, u64)>,
    /// The time base of the stream.
    base: (u64, u64),
    /// The number of low bits in an abbreviated time.
    shift: u32,
    size: (u64, u64),
    /// The time of the last frame.
    last: i64,
}

/// The properties of a frame that its first byte implies.
#[derive(Clone, Copy, Debug)]
struct FrameCode {
    flags: u64,
    stream: u64,
    factor: u64,
    size: u64,
    delta: i64,
    reserved: u64,
    header: u64,
}

/// The header of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PictureHead {
    /// The time in units of the time base.
    pub(super) pts: i64,
    /// The number of bytes.
    pub(super) size: u64,
    /// The index of the elided beginning.
    header: usize,
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("NUT: {what}"))
}

impl<R: Read> Nut<R> {
    /// Reads everything before the first picture.
    ///
    /// # Errors
    /// `UnexpectedEof` if the stream ends before that, `InvalidData` if it isn't such a stream, and the system's errors.
    pub(super) fn open(mut from: R) -> io::Result<Self> {
        let mut id = [0; ID.len()];
        from.read_exact(&mut id)?;
        if id != *ID {
            return Err(invalid("not a NUT stream"));
        }
        let mut nut = Self {
            from,
            codes: Vec::new(),
            elisions: Vec::new(),
            bases: Vec::new(),
            base: (1, 1),
            shift: 0,
            size: (0, 0),
            last: 0,
        };
        while nut.size == (0, 0) {
            let first = nut.byte()?;
            nut.packet(first)?;
        }
        Ok(nut)
    }

    /// Returns the declared width and height of the pictures.
    pub(super) fn size(&self) -> (u64, u64) {
        self.size
    }

    /// Returns the time from the first picture to the one at `pts`.
    pub(super) fn time(&self, pts: i64, first: i64) -> Duration {
        let units = (i128::from(pts) - i128::from(first)).max(0);
        let (num, den) = self.base;
        let nanos = units.saturating_mul(i128::from(num)).saturating_mul(1_000_000_000) / i128::from(den);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Returns the header of the next picture, or `None` at the end. The caller must read the picture's bytes before it calls
    /// this again.
    ///
    /// # Errors
    /// As [`Nut::open`].
    pub(super) fn next(&mut self) -> io::Result<Option<PictureHead>> {
        loop {
            let mut first = [0];
            loop {
                match self.from.read(&mut first) {
                    Ok(0) => return Ok(None),
                    Ok(_) => break,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                }
            }
            if first[0] != b'N' {
                return self.head(first[0]).map(Some);
            }
            self.packet(first[0])?;
        }
    }

    /// Reads the picture's bytes. `out` must have the length in its header.
    ///
    /// # Errors
    /// As [`Nut::open`].
    pub(super) fn read(&mut self, head: PictureHead, out: &mut [u8]) -> io::Result<()> {
        let elided = self.elisions.get(head.header).map_or(&[][..], Vec::as_slice);
        let (begin, rest) = out.split_at_mut_checked(elided.len()).ok_or_else(|| invalid("a short frame"))?;
        begin.copy_from_slice(elided);
        self.from.read_exact(rest)
    }

    fn head(&mut self, code: u8) -> io::Result<PictureHead> {
        let code = *self.codes.get(usize::from(code)).ok_or_else(|| invalid("a frame before the headers"))?;
        let FrameCode { mut flags, mut stream, mut size, mut header, mut reserved, .. } = code;
        if flags & INVALID != 0 {
            return Err(invalid("an impossible frame"));
        }
        if flags & CODED != 0 {
            flags ^= self.number()?;
        }
        if flags & STREAM_ID != 0 {
            stream = self.number()?;
        }
        let pts = if flags & CODED_PTS != 0 {
            let coded = self.number()?;
            let steps = 1_u64 << self.shift;
            if coded < steps {
                // These are the low bits of the time that is nearest to the last one.
                let mask = (steps - 1).cast_signed();
                let delta = self.last.wrapping_sub(mask / 2);
                (coded.cast_signed().wrapping_sub(delta) & mask).wrapping_add(delta)
            } else {
                (coded - steps).cast_signed()
            }
        } else {
            self.last.wrapping_add(code.delta)
        };
        if flags & SIZE_MSB != 0 {
            let more = self.number()?.checked_mul(code.factor).ok_or_else(|| invalid("an endless frame"))?;
            size = size.checked_add(more).ok_or_else(|| invalid("an endless frame"))?;
        }
        if flags & MATCH_TIME != 0 {
            self.number()?;
        }
        if flags & HEADER_INDEX != 0 {
            header = self.number()?;
        }
        if flags & RESERVED != 0 {
            reserved = self.number()?;
        }
        if reserved > 256 {
            return Err(invalid("too many reserved fields"));
        }
        for _ in 0..reserved {
            self.number()?;
        }
        if flags & CHECKSUM != 0 {
            self.skip(4)?;
        }
        if stream != 0 || flags & SIDE_DATA != 0 {
            return Err(invalid("a frame that is not a picture"));
        }
        let header = if size > MAX_ELIDED_FRAME { 0 } else { usize::try_from(header).unwrap_or(usize::MAX) };
        if header > 0 && header >= self.elisions.len() {
            return Err(invalid("a frame with an unknown beginning"));
        }
        self.last = pts;
        Ok(PictureHead { pts, size, header })
    }

    /// Reads a packet other than a frame. Its first byte was read already.
    fn packet(&mut self, first: u8) -> io::Result<()> {
        let mut code = [first, 0, 0, 0, 0, 0, 0, 0];
        self.from.read_exact(&mut code[1..])?;
        let code = u64::from_be_bytes(code);
        let len = self.number()?;
        if len > 4096 {
            self.skip(4)?;
        }
        match code {
            MAIN | STREAM | SYNC_POINT if len <= MAX_HEADER_LEN => {
                let mut bytes = Vec::new();
                (&mut self.from).take(len).read_to_end(&mut bytes)?;
                if bytes.len() as u64 != len {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                let mut fields = Fields(&bytes);
                let understood = match code {
                    MAIN => self.main(&mut fields),
                    STREAM => self.stream(&mut fields),
                    _ => self.sync_point(&mut fields),
                };
                understood.ok_or_else(|| invalid("an invalid header"))
            }
            INFO | INDEX => self.skip(len),
            _ => Err(invalid("an unknown packet")),
        }
    }

    fn main(&mut self, fields: &mut Fields<'_>) -> Option<()> {
        let version = fields.number()?;
        if version > 3 {
            fields.number()?;
        }
        let _streams = fields.number()?;
        let _max_distance = fields.number()?;
        let bases = fields.number()?;
        if bases > 16 {
            return None;
        }
        self.bases.clear();
        for _ in 0..bases {
            let base = (fields.number()?, fields.number()?);
            (base.0 > 0 && base.1 > 0).then(|| self.bases.push(base))?;
        }
        self.codes = codes(fields)?;
        let beginnings = fields.number()?;
        if beginnings > 127 {
            return None;
        }
        self.elisions = vec![Vec::new()];
        for _ in 0..beginnings {
            let beginning = fields.bytes()?;
            self.elisions.push(beginning.to_vec());
        }
        Some(())
    }

    fn stream(&mut self, fields: &mut Fields<'_>) -> Option<()> {
        let id = fields.number()?;
        let class = fields.number()?;
        let _codec = fields.bytes()?;
        let base = usize::try_from(fields.number()?).ok()?;
        let shift = fields.number()?;
        for _ in 0..3 {
            fields.number()?;
        }
        let _private = fields.bytes()?;
        if id != 0 || class != 0 || shift > 32 {
            return None;
        }
        self.size = (fields.number()?, fields.number()?);
        self.base = *self.bases.get(base)?;
        self.shift = u32::try_from(shift).ok()?;
        (self.size.0 > 0 && self.size.1 > 0).then_some(())
    }

    fn sync_point(&mut self, fields: &mut Fields<'_>) -> Option<()> {
        let time = fields.number()?;
        let count = self.bases.len() as u64;
        let (num, den) = *self.bases.get(usize::try_from(time.checked_rem(count)?).ok()?)?;
        let (own_num, own_den) = self.base;
        let up = u128::from(time / count) * u128::from(num);
        let up = up.checked_mul(u128::from(own_den))?;
        let down = u128::from(den) * u128::from(own_num);
        self.last = i64::try_from(up.checked_div(down)?).ok()?;
        Some(())
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.from.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    fn number(&mut self) -> io::Result<u64> {
        let mut number = 0_u64;
        for _ in 0..10 {
            let byte = self.byte()?;
            number = number << 7 | u64::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(invalid("an endless number"))
    }

    fn skip(&mut self, len: u64) -> io::Result<()> {
        let skipped = io::copy(&mut (&mut self.from).take(len), &mut io::sink())?;
        if skipped == len { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// Reads the properties for each first byte of a frame.
fn codes(fields: &mut Fields<'_>) -> Option<Vec<FrameCode>> {
    let invalid =
        FrameCode { flags: INVALID, stream: 0, factor: 0, size: 0, delta: 0, reserved: 0, header: 0 };
    let mut codes = vec![invalid; 256];
    let mut at = 0;
    let mut code = FrameCode { factor: 1, ..invalid };
    while at < 256 {
        code.flags = fields.number()?;
        let given = fields.number()?;
        if given > 0 {
            code.delta = fields.signed()?;
        }
        if given > 1 {
            code.factor = fields.number()?;
        }
        if given > 2 {
            code.stream = fields.number()?;
        }
        let size = if given > 3 { fields.number()? } else { 0 };
        code.reserved = if given > 4 { fields.number()? } else { 0 };
        let count = if given > 5 { fields.number()? } else { code.factor.checked_sub(size)? };
        if given > 6 {
            fields.signed()?;
        }
        if given > 7 {
            code.header = fields.number()?;
        }
        for _ in 8..given.min(256) {
            fields.number()?;
        }
        let mut taken = 0;
        while taken < count && at < 256 {
            // This byte begins a packet, so it doesn't begin a frame.
            if at != usize::from(b'N') {
                codes[at] = FrameCode { size: size.checked_add(taken)?, ..code };
                taken += 1;
            }
            at += 1;
        }
        if count == 0 {
            return None;
        }
    }
    Some(codes)
}

/// The unread bytes of a header.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for _ in 0..10 {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number = number << 7 | u64::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?.checked_add(1)?;
        let half = (number >> 1).cast_signed();
        Some(if number & 1 == 1 { -half } else { half })
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    /// The output of ffmpeg 5.1 for three pictures of 2x2 at 0, 0.1 and 0.35 s.
    const SMALL: &[u8] = include_bytes!("../../tests/data/small.nut");

    fn all(bytes: &[u8]) -> io::Result<Vec<(Duration, Vec<u8>)>> {
        let mut nut = Nut::open(Cursor::new(bytes))?;
        let mut out = Vec::new();
        let mut first = None;
        while let Some(head) = nut.next()? {
            let mut picture = vec![0; usize::try_from(head.size.min(1 << 16)).unwrap()];
            nut.read(head, &mut picture)?;
            let first = *first.get_or_insert(head.pts);
            out.push((nut.time(head.pts, first), picture));
        }
        Ok(out)
    }

    #[test]
    fn pictures_come_with_their_times() {
        let got = all(SMALL).unwrap();
        let ms: Vec<u128> = got.iter().map(|(time, _)| time.as_millis()).collect();
        assert_eq!(ms, [0, 100, 350]);
        for (_, picture) in &got {
            assert_eq!(picture, &[81, 81, 81, 81, 90, 240], "red in BT.601");
        }
    }

    #[test]
    fn a_cut_inside_a_picture_is_an_error() {
        let whole = all(SMALL).unwrap();
        let mut clean = 0;
        for len in 0..SMALL.len() {
            match all(&SMALL[..len]) {
                Ok(got) => {
                    assert_eq!(got, whole[..got.len()], "after {len} bytes");
                    clean += 1;
                }
                Err(e) => assert_eq!(e.kind(), io::ErrorKind::UnexpectedEof, "after {len} bytes: {e}"),
            }
        }
        assert!(clean >= 4, "{clean}");
    }

    proptest! {
        #[test]
        fn changed_bytes_never_panic(changes in prop::collection::vec((0..SMALL.len(), any::<u8>()), 1..6)) {
            let mut bytes = SMALL.to_vec();
            for (at, byte) in changes {
                bytes[at] = byte;
            }
            let _ = all(&bytes);
        }
    }
}
