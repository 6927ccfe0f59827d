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
    pub(super) rotation: Rotation,
    pub(super) entries: Vec<Entry>,
    pub(super) table: &'a [u8],
}

impl<'a> Track<'a> {
    /// Reads a `trak` box. Returns `None` if it isn't a video track.
    pub(super) fn read(trak: &'a [u8]) -> Option<Self> {
        let media = find(trak, &[b"mdia"])?;
        if kind(media)? != *b"vide" {
            return None;
        }
        let timescale = find(media, &[b"mdhd"]).and_then(|body| {
            let mut b = Bytes(body);
            let (version, _) = b.version()?;
            b.take(if version == 1 { 16 } else { 8 })?;
            b.u32()
        });
        let timescale = timescale.unwrap_or(0);
        let (id, rotation) = find(trak, &[b"tkhd"]).and_then(header)?;
        let table = find(media, &[b"minf", b"stbl"]).unwrap_or_default();
        Some(Self {
            id,
            timescale,
            rotation,
            entries: find(table, &[b"stsd"]).map(descriptions).unwrap_or_default(),
            table,
        })
    }
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

/// Returns the name of a codec other than H.264.
fn codec(kind: [u8; 4]) -> String {
    let name = match &kind {
        b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => "hevc (H.265)",
        b"vp08" => "vp8",
        b"vp09" => "vp9",
        b"av01" => "av1",
        b"vvc1" | b"vvi1" => "vvc (H.266)",
        b"mp4v" => "mpeg4 part 2",
        b"s263" | b"h263" => "h263",
        b"jpeg" | b"mjpa" | b"mjpb" => "mjpeg",
        b"apch" | b"apcn" | b"apcs" | b"apco" | b"ap4h" | b"ap4x" => "prores",
        b"encv" => "encrypted video",
        _ => return format!("`{}`", code(kind)),
    };
    name.into()
}
