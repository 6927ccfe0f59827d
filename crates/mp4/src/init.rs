//! The init segment: the boxes `ftyp` and `moov`.

use passerby_types::{ColorSpace, Matrix, Range};

use crate::boxes::{put_box, put_full_box, put_u16, put_u32, put_zeros};
use crate::parameter_sets::ParameterSets;
use crate::ticks::TIMESCALE;

/// 1 in the fixed-point numbers of a matrix, and in those of its last column.
const ONE: i32 = 1 << 16;
const LAST_ONE: i32 = 1 << 30;
/// 72 dots per inch in fixed point, which every file declares.
const RESOLUTION: u32 = 72 << 16;
/// The track is enabled, and part of the presentation.
const TRACK_FLAGS: u32 = 3;

/// The properties of a track's pictures that a player must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TrackPictures {
    /// The width and height before the pictures are turned.
    pub(crate) size: (u32, u32),
    /// The degrees by which a player must turn them, clockwise.
    pub(crate) rotation: u16,
    /// Their colour space, or `None` if only the parameter sets may say it.
    pub(crate) color: Option<ColorSpace>,
}

/// Returns the init segment of a track.
pub(crate) fn init_segment(sets: &ParameterSets, pictures: &TrackPictures) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    put_box(&mut out, b"ftyp", |out| {
        out.extend(b"iso5");
        put_u32(out, 512);
        out.extend(b"iso5iso6mp41avc1");
    });
    put_box(&mut out, b"moov", |out| {
        put_full_box(out, b"mvhd", 0, 0, |out| {
            put_zeros(out, 8); // times of creation and change
            put_u32(out, TIMESCALE);
            put_u32(out, 0); // duration
            put_u32(out, 0x0001_0000); // rate 1
            put_u16(out, 0x0100); // volume 1
            put_zeros(out, 10);
            put_matrix(out, [ONE, 0, 0, ONE, 0, 0]);
            put_zeros(out, 24);
            put_u32(out, 2); // the next track's number
        });
        put_box(out, b"trak", |out| put_track(out, sets, pictures));
        put_box(out, b"mvex", |out| {
            put_full_box(out, b"trex", 0, 0, |out| {
                put_u32(out, 1); // the track's number
                put_u32(out, 1); // the description's number
                put_zeros(out, 12); // defaults of samples
            });
        });
    });
    out
}

fn put_track(out: &mut Vec<u8>, sets: &ParameterSets, pictures: &TrackPictures) {
    let (width, height) = pictures.size;
    put_full_box(out, b"tkhd", 0, TRACK_FLAGS, |out| {
        put_zeros(out, 8);
        put_u32(out, 1); // the track's number
        put_zeros(out, 4 + 4 + 8 + 2 + 2 + 2 + 2);
        put_matrix(out, rotation_matrix(width, height, pictures.rotation));
        put_u32(out, width << 16);
        put_u32(out, height << 16);
    });
    put_box(out, b"mdia", |out| {
        put_full_box(out, b"mdhd", 0, 0, |out| {
            put_zeros(out, 8);
            put_u32(out, TIMESCALE);
            put_u32(out, 0);
            put_u16(out, 0x55C4); // no language
            put_u16(out, 0);
        });
        put_full_box(out, b"hdlr", 0, 0, |out| {
            put_zeros(out, 4);
            out.extend(b"vide");
            put_zeros(out, 12);
            out.extend(b"video\0");
        });
        put_box(out, b"minf", |out| {
            put_full_box(out, b"vmhd", 0, 1, |out| put_zeros(out, 8));
            put_box(out, b"dinf", |out| {
                put_full_box(out, b"dref", 0, 0, |out| {
                    put_u32(out, 1);
                    put_full_box(out, b"url ", 0, 1, |_| {}); // the data is in this file
                });
            });
            put_box(out, b"stbl", |out| put_sample_tables(out, sets, pictures));
        });
    });
}

/// Appends the description of the samples, and the empty tables of a fragmented file.
fn put_sample_tables(out: &mut Vec<u8>, sets: &ParameterSets, pictures: &TrackPictures) {
    let (width, height) = pictures.size;
    put_full_box(out, b"stsd", 0, 0, |out| {
        put_u32(out, 1);
        put_box(out, b"avc1", |out| {
            put_zeros(out, 6);
            put_u16(out, 1); // the number of the data reference
            put_zeros(out, 16);
            put_u16(out, width as u16);
            put_u16(out, height as u16);
            put_u32(out, RESOLUTION);
            put_u32(out, RESOLUTION);
            put_u32(out, 0);
            put_u16(out, 1); // frames in a sample
            put_zeros(out, 32); // the compressor's name
            put_u16(out, 24); // depth
            put_u16(out, 0xFFFF);
            put_box(out, b"avcC", |out| sets.put_configuration(out));
            if let Some(color) = pictures.color {
                put_box(out, b"colr", |out| put_color(out, color));
            }
        });
    });
    for kind in [b"stts", b"stsc", b"stco"] {
        put_full_box(out, kind, 0, 0, |out| put_u32(out, 0));
    }
    put_full_box(out, b"stsz", 0, 0, |out| put_zeros(out, 8));
}

/// Appends the colour space as code points (ISO/IEC 14496-12 12.1.5).
fn put_color(out: &mut Vec<u8>, color: ColorSpace) {
    let [primaries, transfer, matrix] = color_codes(color.matrix).map(u16::from);
    out.extend(b"nclx");
    put_u16(out, primaries);
    put_u16(out, transfer);
    put_u16(out, matrix);
    out.push(if color.range == Range::Full { 0x80 } else { 0 });
}

/// Returns the code points of the primaries, the transfer function and the matrix (ITU-T H.273 tables 2 to 4). The primaries and the
/// transfer function are those of the standard that the matrix comes from.
pub(crate) fn color_codes(matrix: Matrix) -> [u8; 3] {
    match matrix {
        Matrix::Bt601 => [6; 3],
        Matrix::Bt709 => [1; 3],
    }
}

/// Returns the matrix that turns a picture of this size and moves it back to the origin: a, b, c, d, x, y.
fn rotation_matrix(width: u32, height: u32, rotation: u16) -> [i32; 6] {
    let width = (width << 16).cast_signed();
    let height = (height << 16).cast_signed();
    match rotation {
        90 => [0, ONE, -ONE, 0, height, 0],
        180 => [-ONE, 0, 0, -ONE, width, height],
        270 => [0, -ONE, ONE, 0, 0, width],
        _ => [ONE, 0, 0, ONE, 0, 0],
    }
}

fn put_matrix(out: &mut Vec<u8>, [a, b, c, d, x, y]: [i32; 6]) {
    for value in [a, b, 0, c, d, 0, x, y, LAST_ONE] {
        out.extend(value.to_be_bytes());
    }
}
