//! The parameter sets of a stream, and the check of its pictures against them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::bits::Bits;
use super::sps::Sps;
use super::{DecodeError, nal};

/// The most bytes of a set that is kept. MP4 cannot hold larger ones.
const MAX_SET_LEN: usize = 65_535;

/// The most slices of a picture that has fewer macroblocks. A larger one may have a slice a macroblock, as encoders for lossy
/// networks make.
const MAX_SLICES: u64 = 1024;

/// The most macroblocks that all slices of a picture may cover together, if each goes on to the end of the picture. A slice of ten
/// bytes can make a decoder do that, so this bounds the time for a picture. 8,160 slices, one a macroblock of 1920x1088 pixels,
/// may cover 33 million.
const MAX_COVERED: u64 = 40_000_000;

/// The parameter sets of a stream until now.
#[derive(Default)]
pub(crate) struct Parameters {
    sps: BTreeMap<u32, (Arc<Sps>, Vec<u8>)>,
    pps: BTreeMap<u32, (u32, Vec<u8>)>,
    /// True if the decoder hasn't received the latest sets yet.
    fresh: bool,
}

/// A picture that passed the checks for the decoder.
pub(crate) struct Admitted {
    /// The sequence parameter set of the picture.
    pub(crate) sps: Arc<Sps>,
    /// As in [`Content`].
    pub(crate) idr: bool,
    /// As in [`Content`].
    pub(crate) intra: bool,
    /// As in [`Content`].
    pub(crate) bidirectional: bool,
}

/// The content of an access unit, as its headers show it.
#[derive(Debug, Default)]
pub(crate) struct Content {
    /// The sequence parameter set of the unit's picture.
    pub(crate) sps: Option<Arc<Sps>>,
    /// True for an IDR picture, which doesn't need anything before it.
    pub(crate) idr: bool,
    /// True if all slices are intra, so that the picture needs no other.
    pub(crate) intra: bool,
    /// True if a slice is a B slice.
    pub(crate) bidirectional: bool,
    /// True if a slice begins a picture.
    pub(crate) picture: bool,
    /// The number of slices.
    pub(crate) slices: u64,
    /// The macroblocks that they cover if each goes on to the end of the picture.
    pub(crate) covered: u64,
    /// True if the slices refer to several sequence parameter sets. A picture can have only one.
    pub(crate) mixed: bool,
    /// True if the unit has parameter sets.
    pub(crate) sets: bool,
    /// True if at least one of the parameter sets is valid.
    pub(crate) usable: bool,
}

impl Parameters {
    /// Stores the parameter sets of an access unit and checks its picture.
    ///
    /// Returns `None` for a unit that holds only parameter sets, which are for the next picture.
    ///
    /// # Errors
    /// [`DecodeError::Damaged`] if the unit has no picture, more than one, or one whose parameter sets are missing. The
    /// errors of [`check`].
    pub(crate) fn admit(&mut self, data: &[u8], max_pixels: u64) -> Result<Option<Admitted>, DecodeError> {
        let admitted = self.admit_any_format(data, max_pixels)?;
        admitted.as_ref().map_or(Ok(()), |admitted| check(&admitted.sps, max_pixels))?;
        Ok(admitted)
    }

    /// Works as [`Parameters::admit`], but also for pictures that aren't 8-bit 4:2:0 frames.
    ///
    /// # Errors
    /// As [`Parameters::admit`], and [`DecodeError::TooLarge`].
    pub(crate) fn admit_any_format(
        &mut self,
        data: &[u8],
        max_pixels: u64,
    ) -> Result<Option<Admitted>, DecodeError> {
        let damaged = |what: &str| Err(DecodeError::Damaged(what.into()));
        let Content { sps, idr, intra, bidirectional, picture, slices, covered, mixed, sets, usable } =
            self.scan(data);
        self.fresh |= sets;
        if !picture {
            return if usable { Ok(None) } else { damaged("no picture in its data") };
        }
        let Some(sps) = sps else {
            return damaged("no parameter sets (SPS/PPS) for it");
        };
        if mixed {
            return damaged("slices of more pictures than one");
        }
        check_size(&sps, max_pixels)?;
        let macroblocks = sps.macroblocks();
        if slices > macroblocks.max(MAX_SLICES) || covered > MAX_COVERED {
            let limit = macroblocks.max(MAX_SLICES).min(2 * MAX_COVERED / macroblocks.max(1));
            return damaged(&format!(
                "{slices} slices, over this reader's limit of about {limit} at this size"
            ));
        }
        Ok(Some(Admitted { sps, idr, intra, bidirectional }))
    }

    /// Marks the sets as not received, because a new decoder replaces the old one.
    pub(crate) fn mark_fresh(&mut self) {
        self.fresh = true;
    }

    /// Returns true if the decoder hasn't received the latest sets yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Returns the data of an admitted unit for the decoder. If the decoder hasn't received the latest sets yet, they come
    /// first.
    pub(crate) fn with_new_sets<'a>(&mut self, data: &'a [u8]) -> Cow<'a, [u8]> {
        if std::mem::take(&mut self.fresh) { self.assemble(data).into() } else { data.into() }
    }

    /// Stores the parameter sets of an access unit and returns the unit's content.
    pub(crate) fn scan(&mut self, data: &[u8]) -> Content {
        let mut content = Content { intra: true, ..Content::default() };
        for unit in nal::split(data) {
            match nal::kind(unit) {
                nal::SPS | nal::PPS => {
                    content.sets = true;
                    content.usable |= self.store(unit).is_some();
                }
                kind @ (nal::SLICE | nal::IDR) => {
                    let Some(slice) = nal::SliceStart::read(unit) else { continue };
                    content.idr |= kind == nal::IDR;
                    content.intra &= matches!(slice.kind, 2 | 4);
                    content.bidirectional |= slice.kind == 1;
                    content.picture |= slice.first_mb == 0;
                    content.slices += 1;
                    let sps = self.sps_of(slice.pps);
                    let macroblocks = sps.as_ref().map_or(0, |sps| sps.macroblocks());
                    content.covered += macroblocks.saturating_sub(slice.first_mb.into());
                    match (&content.sps, sps) {
                        (None, sps) => content.sps = sps,
                        (Some(sps), Some(other)) => content.mixed |= !Arc::ptr_eq(sps, &other),
                        (Some(_), None) => {}
                    }
                }
                _ => {}
            }
        }
        content
    }

    /// Stores a parameter set. Returns `None` if its syntax is wrong or it is larger than a set can be.
    fn store(&mut self, unit: &[u8]) -> Option<()> {
        if unit.len() > MAX_SET_LEN {
            return None;
        }
        if nal::kind(unit) == nal::SPS {
            let sps = Sps::read(&nal::payload(unit, MAX_SET_LEN)).filter(|sps| sps.id < 32)?;
            self.sps.insert(sps.id, (Arc::new(sps), unit.to_vec()));
        } else {
            let payload = nal::payload(unit, 16);
            let mut bits = Bits::new(&payload);
            let id = bits.ue().filter(|&id| id < 256)?;
            let sps = bits.ue()?;
            self.pps.insert(id, (sps, unit.to_vec()));
        }
        Some(())
    }

    fn sps_of(&self, pps: u32) -> Option<Arc<Sps>> {
        let (sps, _) = self.pps.get(&pps)?;
        self.sps.get(sps).map(|(sps, _)| sps.clone())
    }

    /// Returns all stored sets and then the slices of a unit. Broken sets don't reach the decoder, so that its own number of
    /// sets stays bounded.
    fn assemble(&self, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(data.len() + 256);
        let sets = self.sps.values().map(|(_, raw)| raw).chain(self.pps.values().map(|(_, raw)| raw));
        sets.for_each(|raw| nal::push(&mut out, raw));
        let slices = nal::split(data).filter(|unit| matches!(nal::kind(unit), nal::SLICE..=nal::IDR));
        slices.for_each(|unit| nal::push(&mut out, unit));
        out
    }

    /// Returns true if there is a sequence parameter set.
    #[cfg(feature = "video")]
    pub(crate) fn any(&self) -> bool {
        !self.sps.is_empty()
    }

    /// Returns a sequence parameter set, if there is one.
    #[cfg(feature = "video")]
    pub(crate) fn first(&self) -> Option<&Sps> {
        self.sps.values().next().map(|(sps, _)| sps.as_ref())
    }

    /// Checks that pictures of these sets are 8-bit 4:2:0 frames of at most `max_pixels` pixels.
    ///
    /// # Errors
    /// As [`check`].
    #[cfg(feature = "video")]
    pub(crate) fn check(&self, max_pixels: u64) -> Result<(), DecodeError> {
        self.sps.values().try_for_each(|(sps, _)| check(sps, max_pixels))
    }
}

/// The sets for viewers of the coded pictures.
#[cfg(any(feature = "rtsp", feature = "video"))]
impl Parameters {
    /// Stores a NAL unit if it is a parameter set that is not stored yet.
    pub(crate) fn store_if_new(&mut self, unit: &[u8]) {
        if matches!(nal::kind(unit), nal::SPS | nal::PPS) && !self.holds(unit) {
            // A broken set is of no use.
            let _ = self.store(unit);
        }
    }

    fn holds(&self, set: &[u8]) -> bool {
        self.sps.values().any(|(_, raw)| raw == set) || self.pps.values().any(|(_, raw)| raw == set)
    }

    /// Returns the sets for pictures with this picture parameter set, as Annex B: the sequence parameter set, and then all picture
    /// parameter sets that refer to it. Returns `None` if one of the two is missing.
    pub(crate) fn sets_for(&self, pps: u32) -> Option<Vec<u8>> {
        let (id, _) = self.pps.get(&pps)?;
        let (_, sps) = self.sps.get(id)?;
        let mut out = Vec::new();
        nal::push(&mut out, sps);
        let others = self.pps.values().filter(|(sps, _)| sps == id);
        others.for_each(|(_, raw)| nal::push(&mut out, raw));
        Some(out)
    }
}

/// Checks that pictures of this set are 8-bit 4:2:0 frames of at most `max_pixels` pixels.
///
/// # Errors
/// [`DecodeError::Unsupported`] and [`DecodeError::TooLarge`].
fn check(sps: &Sps, max_pixels: u64) -> Result<(), DecodeError> {
    let unsupported = |what: String| Err(DecodeError::Unsupported(what));
    let profile = match sps.profile {
        66 => "Baseline",
        77 => "Main",
        88 => "Extended",
        100 => "High",
        110 => "High 10",
        122 => "High 4:2:2",
        244 | 44 => "High 4:4:4 Predictive",
        _ => "unnamed",
    };
    if sps.depth > 8 {
        return unsupported(format!(
            "H.264 profile {profile}: {} bits a sample, not 8; convert it to yuv420p",
            sps.depth
        ));
    }
    if sps.chroma != 1 {
        let chroma = ["4:0:0 (grey)", "4:2:0", "4:2:2", "4:4:4"];
        let chroma = chroma.get(sps.chroma as usize).copied().unwrap_or("unknown");
        return unsupported(format!(
            "H.264 profile {profile}: chroma {chroma}, not 4:2:0; convert it to yuv420p"
        ));
    }
    if sps.mbaff {
        return unsupported("interlaced H.264 (MBAFF); deinterlace it to progressive frames".into());
    }
    if sps.references > 16 {
        return unsupported(format!(
            "H.264 with {} reference frames, more than the 16 that the standard allows",
            sps.references
        ));
    }
    if sps.color().is_none() {
        return unsupported("H.264 whose planes are RGB or YCgCo; convert it to yuv420p".into());
    }
    check_size(sps, max_pixels)
}

/// Checks that pictures of this set have at most `max_pixels` pixels.
fn check_size(sps: &Sps, max_pixels: u64) -> Result<(), DecodeError> {
    if sps.coded.0.saturating_mul(sps.coded.1) > max_pixels {
        return Err(DecodeError::TooLarge {
            what: format!("a video of {}x{} pixels", sps.coded.0, sps.coded.1),
            limit: format!("{max_pixels} pixels"),
        });
    }
    Ok(())
}
