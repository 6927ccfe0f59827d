//! Reads sequence parameter sets.

use passerby_types::{ColorSpace, Matrix, Range};

use super::bits::Bits;

/// The profiles whose parameter sets declare chroma and bit depth (H.264 7.3.2.1.1).
const HIGH_PROFILES: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// The fields of a sequence parameter set that this crate needs outside the decoder.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sps {
    pub(crate) id: u32,
    pub(crate) profile: u32,
    /// 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub(crate) chroma: u32,
    /// The bits per sample, of luma or chroma, whichever has more.
    pub(crate) depth: u32,
    pub(crate) poc_type: u32,
    /// The number of reference pictures that the decoder keeps.
    pub(crate) references: u32,
    /// True if frame numbers may have gaps. The decoder then creates substitutes for the missing frames.
    pub(crate) gaps: bool,
    /// The coded size in pixels: whole macroblocks.
    pub(crate) coded: (u64, u64),
    /// The top left pixel of the visible part within the coded picture.
    pub(crate) origin: (usize, usize),
    /// The size of the visible part in pixels.
    pub(crate) size: (u32, u32),
    /// True if pictures may be coded as fields.
    pub(crate) fields: bool,
    /// True if macroblocks of a frame may be coded as fields.
    pub(crate) mbaff: bool,
    /// `matrix_coefficients`: 2 is unspecified.
    pub(crate) matrix: u32,
    pub(crate) full_range: bool,
    /// The number of pictures that may have to wait until the next one in display order is known.
    pub(crate) reorder: usize,
    /// The frames per second, if the set declares them.
    pub(crate) rate: Option<f64>,
}

impl Sps {
    /// Returns the number of macroblocks of a picture.
    pub(crate) fn macroblocks(&self) -> u64 {
        (self.coded.0 / 16).saturating_mul(self.coded.1 / 16)
    }

    /// Reads the payload of a sequence parameter set. Returns `None` if its syntax is wrong.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        let mut b = Bits::new(payload);
        let profile = b.u(8)?;
        let constraints = b.u(8)?;
        let level = b.u(8)?;
        let id = b.ue()?;
        let mut chroma = 1;
        let mut depth = 8;
        if HIGH_PROFILES.contains(&profile) {
            chroma = b.ue()?;
            if chroma == 3 {
                b.bit()?;
            }
            depth = 8 + b.ue()?.max(b.ue()?).min(8);
            b.bit()?;
            if b.bit()? {
                for list in 0..if chroma == 3 { 12 } else { 8 } {
                    if b.bit()? {
                        skip_scaling_list(&mut b, if list < 6 { 16 } else { 64 })?;
                    }
                }
            }
        }
        b.ue()?;
        let poc_type = b.ue()?;
        match poc_type {
            0 => {
                b.ue()?;
            }
            1 => {
                b.bit()?;
                b.se()?;
                b.se()?;
                for _ in 0..b.ue().filter(|&n| n < 256)? {
                    b.se()?;
                }
            }
            2 => {}
            _ => return None,
        }
        let references = b.ue()?;
        let gaps = b.bit()?;
        let columns = u64::from(b.ue()?) + 1;
        let rows = u64::from(b.ue()?) + 1;
        let fields = !b.bit()?;
        let mbaff = fields && b.bit()?;
        b.bit()?;
        let coded = (columns * 16, rows * if fields { 32 } else { 16 });
        let mut origin = (0, 0);
        let mut size = coded;
        if b.bit()? {
            let (unit_x, unit_y) = match chroma {
                1 => (2, 2),
                2 => (2, 1),
                _ => (1, 1),
            };
            let unit_y = if fields { 2 * unit_y } else { unit_y };
            let left = u64::from(b.ue()?) * unit_x;
            let right = u64::from(b.ue()?) * unit_x;
            let top = u64::from(b.ue()?) * unit_y;
            let bottom = u64::from(b.ue()?) * unit_y;
            size = (
                coded.0.checked_sub(left + right).filter(|&w| w > 0)?,
                coded.1.checked_sub(top + bottom).filter(|&h| h > 0)?,
            );
            origin = (left as usize, top as usize);
        }
        let mut sps = Self {
            id,
            profile,
            chroma,
            depth,
            poc_type,
            references,
            gaps,
            coded,
            origin,
            size: (u32::try_from(size.0).ok()?, u32::try_from(size.1).ok()?),
            fields,
            mbaff,
            matrix: 2,
            full_range: false,
            reorder: default_reorder(profile, constraints, level, poc_type, coded),
            rate: None,
        };
        if b.bit()? {
            // In many streams this part is cut off. The fields before that are valid.
            let _ = sps.read_vui(&mut b);
        }
        Some(sps)
    }

    /// Reads the video usability information (H.264 E.1.1).
    fn read_vui(&mut self, b: &mut Bits<'_>) -> Option<()> {
        if b.bit()? && b.u(8)? == 255 {
            b.u(32)?;
        }
        if b.bit()? {
            b.bit()?;
        }
        if b.bit()? {
            b.u(3)?;
            self.full_range = b.bit()?;
            if b.bit()? {
                b.u(16)?;
                self.matrix = b.u(8)?;
            }
        }
        if b.bit()? {
            b.ue()?;
            b.ue()?;
        }
        if b.bit()? {
            let units = b.u(32)?;
            let scale = b.u(32)?;
            b.bit()?;
            if units > 0 && scale > 0 {
                // A tick is the duration of a field.
                self.rate = Some(f64::from(scale) / f64::from(units) / 2.0);
            }
        }
        let mut hrd = false;
        for _ in 0..2 {
            if b.bit()? {
                hrd = true;
                let count = b.ue()?.min(31);
                b.u(8)?;
                for _ in 0..=count {
                    b.ue()?;
                    b.ue()?;
                    b.bit()?;
                }
                b.u(20)?;
            }
        }
        if hrd {
            b.bit()?;
        }
        b.bit()?;
        if b.bit()? {
            b.bit()?;
            for _ in 0..4 {
                b.ue()?;
            }
            self.reorder = b.ue()?.min(16) as usize;
        }
        Some(())
    }

    /// Returns the colour space, or `None` for RGB and YCgCo, which aren't supported.
    ///
    /// If the stream doesn't specify it, the colour space is BT.601 with limited range, as in ffmpeg. BT.2020 and SMPTE
    /// 240M become BT.709, which is the nearest.
    pub(crate) fn color(&self) -> Option<ColorSpace> {
        let matrix = match self.matrix {
            0 | 8 => return None,
            1 | 7 | 9 | 10 => Matrix::Bt709,
            _ => Matrix::Bt601,
        };
        let range = if self.full_range { Range::Full } else { Range::Limited };
        Some(ColorSpace { matrix, range })
    }
}

fn skip_scaling_list(b: &mut Bits<'_>, len: usize) -> Option<()> {
    let mut last = 8;
    let mut next = 8;
    for _ in 0..len {
        if next != 0 {
            next = (last + b.se()?.clamp(-256, 256) + 256) % 256;
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// Returns the number of pictures that may have to wait if the stream doesn't declare it.
///
/// It is 0 if the stream cannot have B frames, and otherwise as many as the level allows (H.264 E.2.1
/// `max_num_reorder_frames`, A.3.1 table A-1).
fn default_reorder(profile: u32, constraints: u32, level: u32, poc_type: u32, coded: (u64, u64)) -> usize {
    let intra_only = constraints & 0x10 != 0 && [44, 86, 100, 110, 122, 244].contains(&profile);
    if profile == 66 || poc_type == 2 || intra_only {
        return 0;
    }
    let max_mbs: u64 = match level {
        0..=10 => 396,
        11 => 900,
        12..=20 => 2376,
        21 => 4752,
        22..=30 => 8100,
        31 => 18_000,
        32 => 20_480,
        33..=41 => 32_768,
        42 => 34_816,
        43..=50 => 110_400,
        51 | 52 => 184_320,
        _ => 696_320,
    };
    let mbs = (coded.0 / 16 * (coded.1 / 16)).max(1);
    (max_mbs / mbs).min(16) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h264::nal;

    /// High profile, 4:2:0, 480x270 out of 480x272, two B-frames, by x264.
    const HIGH_BF: &[u8] = &[
        0x67, 0x64, 0x00, 0x15, 0xac, 0xd9, 0x41, 0xe0, 0x8f, 0xeb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10,
        0x00, 0x00, 0x03, 0x01, 0x80, 0xf1, 0x62, 0xd9, 0x60,
    ];

    #[test]
    fn the_fields_of_an_x264_set_are_read() {
        let sps = Sps::read(&nal::payload(HIGH_BF, 999)).unwrap();
        assert_eq!((sps.profile, sps.chroma, sps.depth, sps.fields), (100, 1, 8, false));
        assert_eq!((sps.coded, sps.size, sps.origin), ((480, 272), (480, 270), (0, 0)));
        assert_eq!(sps.reorder, 2);
        assert_eq!(sps.rate, Some(12.0));
        assert_eq!(sps.color(), Some(ColorSpace::default()));
    }

    #[test]
    fn broken_sets_never_panic() {
        let payload = nal::payload(HIGH_BF, 999);
        for len in 0..payload.len() {
            let _ = Sps::read(&payload[..len]);
        }
        for fill in [0, 0xff, 0x55, 0xaa] {
            let _ = Sps::read(&[&payload[..3], &[fill; 80][..]].concat());
        }
    }

    #[test]
    fn the_level_bounds_undeclared_reordering() {
        assert_eq!(default_reorder(66, 0, 31, 0, (640, 368)), 0);
        assert_eq!(default_reorder(77, 0, 31, 2, (640, 368)), 0);
        assert_eq!(default_reorder(77, 0, 31, 0, (1280, 720)), 5);
        assert_eq!(default_reorder(100, 0, 41, 0, (1920, 1088)), 4);
    }
}
