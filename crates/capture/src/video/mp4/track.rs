//! A track of a movie: its codec, unit of time and rotation.

use super::boxes::{Bytes, boxes, code, find};
use crate::rotation::Rotation;

/// The codec of a track's samples.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// H.264.
    Avc {
        /// The number of bytes of the length before each NAL unit: 1, 2 or 4.
        length: usize,
        /// The parameter sets, which the samples may not repeat.
        sets: Vec<Vec<u8>>,
    },
    /// Another codec, by its name.
    Other(String),
}

/// The content of a video track's `trak` box, except its samples.
#[derive(Clone, Debug)]
pub(super) struct Track<'a> {
    pub(super) id: u32,
    /// The ticks per second. 0 if the file is broken.
    pub(super) timescale: u32,
    /// Its length in ticks. 0 if the file doesn't declare it.
    pub(super) duration: u64,
    pub(super) rotation: Rotation,
    pub(super) entries: Vec<Entry>,
    pub(super) edit: Option<Edit>,
    pub(super) table: &'a [u8],
}

/// The part of a track that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// Its first time stamp, in units of the track.
    pub(super) start: i64,
    /// Its length in units of the movie. 0: up to the end.
    pub(super) duration: u64,
}

impl<'a> Track<'a> {
    /// Reads a `trak` box. Returns `None` if it isn't a video track.
    pub(super) fn read(trak: &'a [u8]) -> Option<Self> {
        let media = find(trak, &[b"mdia"])?;
        if kind(media)? != *b"vide" {
            return None;
        }
        let units = find(media, &[b"mdhd"]).and_then(|body| {
            let mut b = Bytes(body);
            let (version, _) = b.version()?;
            b.take(if version == 1 { 16 } else { 8 })?;
            Some((b.u32()?, b.wide(version).unwrap_or(0)))
        });
        let (timescale, duration) = units.unwrap_or((0, 0));
        let (id, rotation) = find(trak, &[b"tkhd"]).and_then(header)?;
        let table = find(media, &[b"minf", b"stbl"]).unwrap_or_default();
        Some(Self {
            id,
            timescale,
            duration,
            rotation,
            entries: find(table, &[b"stsd"]).map(descriptions).unwrap_or_default(),
            edit: find(trak, &[b"edts", b"elst"]).and_then(edit),
            table,
        })
    }
}

/// Reads an edit list (ISO/IEC 14496-12, 8.6.6). Returns `None` if the list shows the whole track, or several parts of it, or
/// changes its speed. Empty edits, which only delay the start, don't count.
fn edit(body: &[u8]) -> Option<Edit> {
    /// The speed of 1, in units of 1/65536.
    const NORMAL_RATE: u32 = 1 << 16;
    let mut b = Bytes(body);
    let (version, _) = b.version()?;
    let count = b.u32()?;
    let mut found = None;
    for _ in 0..count {
        let duration = b.wide(version)?;
        let start = if version == 1 { b.u64()?.cast_signed() } else { b.i32()?.into() };
        let rate = b.u32()?;
        if start < 0 {
            continue;
        }
        if found.is_some() || rate != NORMAL_RATE {
            return None;
        }
        found = Some(Edit { start, duration });
    }
    found
}

/// Returns the kind of a media box, for example `vide` or `soun`.
pub(super) fn kind(media: &[u8]) -> Option<[u8; 4]> {
    let handler = find(media, &[b"hdlr"])?;
    handler.get(8..12)?.try_into().ok()
}

/// Reads the track's number and rotation.
fn header(body: &[u8]) -> Option<(u32, Rotation)> {
    let mut b = Bytes(body);
    let (version, _) = b.version()?;
    b.take(if version == 1 { 16 } else { 8 })?;
    let id = b.u32()?;
    b.take(if version == 1 { 12 } else { 8 } + 16)?;
    let mut matrix = [0; 9];
    for cell in &mut matrix {
        *cell = b.i32()?;
    }
    let [right_x, right_y, _, down_x, down_y, ..] = matrix.map(i32::signum);
    Some((id, Rotation::from_axes([right_x, right_y], [down_x, down_y])))
}

/// Reads the sample descriptions of a `stsd` box.
fn descriptions(body: &[u8]) -> Vec<Entry> {
    boxes(body.get(8..).unwrap_or_default())
        .take(256)
        .map(|(kind, entry)| match &kind {
            b"avc1" | b"avc2" | b"avc3" | b"avc4" => {
                avc(entry).unwrap_or(Entry::Avc { length: 4, sets: Vec::new() })
            }
            b"mp4v" => Entry::Other(mpeg_codec(entry).into()),
            _ => Entry::Other(codec(kind)),
        })
        .collect()
}

/// The number of bytes in a visual sample entry before its boxes.
const VISUAL_ENTRY_LEN: usize = 78;

/// The most bytes of parameter sets that are kept of one description. Real ones have some hundred.
///
/// The decoder reads the sets again whenever the description changes, which a file can demand at every sample.
const MAX_SETS_LEN: usize = 1 << 20;

/// Reads the decoder configuration (ISO/IEC 14496-15, 5.3.3.1).
fn avc(entry: &[u8]) -> Option<Entry> {
    let mut b = Bytes(find(entry.get(VISUAL_ENTRY_LEN..)?, &[b"avcC"])?);
    b.take(4)?;
    let length = usize::from(b.u8()? & 3) + 1;
    let mut sets = Vec::new();
    let mut bytes = 0;
    for mask in [0x1f, 0xff] {
        // Sets that are cut off or beyond the limit are left out. The stream may repeat them.
        for _ in 0..b.u8().unwrap_or(0) & mask {
            let set = b.u16().and_then(|len| b.take(usize::from(len)));
            let set = set.filter(|s| !s.is_empty() && bytes + s.len() <= MAX_SETS_LEN).map(<[u8]>::to_vec);
            bytes += set.as_ref().map_or(0, Vec::len);
            sets.extend(set);
        }
    }
    Some(Entry::Avc { length, sets })
}

/// Returns the name of a codec by the number in its elementary stream descriptor (ISO/IEC 14496-1, 7.2.6.6).
fn mpeg_codec(entry: &[u8]) -> &'static str {
    match entry.get(VISUAL_ENTRY_LEN..).and_then(|boxes| object_type(find(boxes, &[b"esds"])?)) {
        Some(0x60..=0x65) => "mpeg2",
        Some(0x6a) => "mpeg1",
        Some(0x6c) => "mjpeg",
        _ => "mpeg4 part 2",
    }
}

/// Reads the type of the stream in an `esds` box.
fn object_type(body: &[u8]) -> Option<u8> {
    /// Skips the length of a descriptor: seven bits a byte, up to four bytes.
    fn skip_len(b: &mut Bytes<'_>) -> Option<()> {
        (0..4).find_map(|_| b.u8().filter(|byte| byte & 0x80 == 0)).map(drop)
    }
    let mut b = Bytes(body);
    b.version()?;
    (b.u8()? == 3).then_some(())?;
    skip_len(&mut b)?;
    b.u16()?;
    let flags = b.u8()?;
    if flags & 0x80 > 0 {
        b.u16()?;
    }
    if flags & 0x40 > 0 {
        let len = b.u8()?;
        b.take(usize::from(len))?;
    }
    if flags & 0x20 > 0 {
        b.u16()?;
    }
    (b.u8()? == 4).then_some(())?;
    skip_len(&mut b)?;
    b.u8()
}

/// Returns the name of a codec other than H.264.
fn codec(kind: [u8; 4]) -> String {
    let name = match &kind {
        b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => "hevc (H.265)",
        b"vp08" => "vp8",
        b"vp09" => "vp9",
        b"av01" => "av1",
        b"vvc1" | b"vvi1" => "vvc (H.266)",
        b"s263" | b"h263" => "h263",
        b"jpeg" | b"mjpa" | b"mjpb" => "mjpeg",
        b"apch" | b"apcn" | b"apcs" | b"apco" | b"ap4h" | b"ap4x" => "prores",
        b"encv" => "encrypted video",
        _ => return format!("`{}`", code(kind)),
    };
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(edits: &[(u32, i32, u32)]) -> Vec<u8> {
        let mut body = vec![0; 4];
        body.extend((edits.len() as u32).to_be_bytes());
        for (duration, start, rate) in edits {
            body.extend(duration.to_be_bytes());
            body.extend(start.to_be_bytes());
            body.extend(rate.to_be_bytes());
        }
        body
    }

    #[test]
    fn one_part_of_a_track_is_shown() {
        let whole = Some(Edit { start: 512, duration: 1000 });
        assert_eq!(edit(&list(&[(1000, 512, 1 << 16)])), whole);
        assert_eq!(edit(&list(&[(40, -1, 1 << 16), (1000, 512, 1 << 16)])), whole, "an empty edit delays it");
        assert_eq!(edit(&list(&[(9, 0, 1 << 16), (9, 512, 1 << 16)])), None, "two parts");
        assert_eq!(edit(&list(&[(9, 0, 1 << 15)])), None, "half the speed");
        assert_eq!(edit(&list(&[(9, 0, 1 << 16)])[..15]), None, "cut off");
    }

    #[test]
    fn the_codec_of_an_mpeg_track_is_named() {
        let esds = |kind: u8| [0, 0, 0, 0, 3, 0x80, 0x80, 20, 0, 1, 0x20, 0, 0, 4, 17, kind];
        let object = |kind| object_type(&esds(kind));
        assert_eq!((object(0x20), object(0x61)), (Some(0x20), Some(0x61)));
        let mut entry = vec![0; VISUAL_ENTRY_LEN];
        entry.extend([0, 0, 0, 24]);
        entry.extend(b"esds");
        entry.extend(esds(0x61));
        assert_eq!(mpeg_codec(&entry), "mpeg2");
        assert_eq!(mpeg_codec(&entry[..VISUAL_ENTRY_LEN]), "mpeg4 part 2");
    }
}
