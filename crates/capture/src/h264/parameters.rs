//! The parameter sets of a stream, kept while it runs, and what they allow.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::bits::Bits;
use super::sps::Sps;
use super::{DecodeError, nal};

/// The bytes of the largest set that is kept: what MP4 can hold.
const MAX_SET: usize = 65_535;

/// The slices that a picture may have. Cameras that cut them to fit network packets make 700 of a large key frame. A
/// slice of ten bytes can make a decoder go over the whole picture, so that their number bounds a picture's time.
const MAX_SLICES: u32 = 1024;

/// The parameter sets seen so far.
#[derive(Default)]
pub(crate) struct Parameters {
    sps: BTreeMap<u32, (Arc<Sps>, Vec<u8>)>,
    pps: BTreeMap<u32, (u32, Vec<u8>)>,
    /// The decoder was not told of them yet.
    fresh: bool,
}

/// The picture of a unit that a decoder may be given.
pub(crate) struct Admitted {
    /// The picture's set.
    pub(crate) sps: Arc<Sps>,
    /// As in [`Content`].
    pub(crate) idr: bool,
    /// As in [`Content`].
    pub(crate) intra: bool,
    /// As in [`Content`].
    pub(crate) bidirectional: bool,
}

/// What an access unit holds, seen from outside.
#[derive(Debug, Default)]
pub(crate) struct Content {
    /// The set of the unit's picture.
    pub(crate) sps: Option<Arc<Sps>>,
    /// The picture is an IDR picture: nothing before it matters any more.
    pub(crate) idr: bool,
    /// All slices are intra: the picture needs no other.
    pub(crate) intra: bool,
    /// Some slice is a B slice.
    pub(crate) bidirectional: bool,
    /// A slice that begins a picture is there.
    pub(crate) picture: bool,
    /// How many slices there are.
    pub(crate) slices: u32,
    /// They refer to several sequence parameter sets, of which a picture can have but one.
    pub(crate) mixed: bool,
    /// Parameter sets are there.
    pub(crate) sets: bool,
    /// One of them at least is sound.
    pub(crate) usable: bool,
}

impl Parameters {
    /// Takes in the parameter sets of an access unit and says what its picture is; `None` for a unit of sets alone,
    /// which are for the next picture.
    ///
    /// # Errors
    /// [`DecodeError::Damaged`] for a unit without a picture, without the sets of its picture, or of more than one;
    /// those of [`check`].
    pub(crate) fn admit(&mut self, data: &[u8], max_pixels: u64) -> Result<Option<Admitted>, DecodeError> {
        let damaged = |what: &str| Err(DecodeError::Damaged(what.into()));
        let Content { sps, idr, intra, bidirectional, picture, slices, mixed, sets, usable } =
            self.scan(data);
        self.fresh |= sets;
        if !picture {
            return if usable { Ok(None) } else { damaged("no picture in its data") };
        }
        let Some(sps) = sps else {
            return damaged("no parameter sets (SPS/PPS) for it");
        };
        if mixed || slices > MAX_SLICES {
            return damaged("slices of more pictures than one");
        }
        check(&sps, max_pixels)?;
        Ok(Some(Admitted { sps, idr, intra, bidirectional }))
    }

    /// The decoder is a new one, which was not told of the sets.
    pub(crate) fn renew(&mut self) {
        self.fresh = true;
    }

    /// True where the decoder was not told of the sets yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// What to give the decoder for an admitted unit: with the sets before it, where it was not told of them yet.
    pub(crate) fn dress<'a>(&mut self, data: &'a [u8]) -> Cow<'a, [u8]> {
        if std::mem::take(&mut self.fresh) { self.assemble(data).into() } else { data.into() }
    }

    /// Takes in the parameter sets of an access unit and says what its slices are.
    pub(crate) fn scan(&mut self, data: &[u8]) -> Content {
        let mut content = Content { intra: true, ..Content::default() };
        for unit in nal::split(data) {
            match nal::kind(unit) {
                nal::SPS | nal::PPS => {
                    content.sets = true;
                    content.usable |= self.take(unit).is_some();
                }
                kind @ (nal::SLICE | nal::IDR) => {
                    let Some(slice) = nal::SliceStart::read(unit) else { continue };
                    content.idr |= kind == nal::IDR;
                    content.intra &= matches!(slice.kind, 2 | 4);
                    content.bidirectional |= slice.kind == 1;
                    content.picture |= slice.first_mb == 0;
                    content.slices += 1;
                    match (&content.sps, self.of(slice.pps)) {
                        (None, of) => content.sps = of,
                        (Some(sps), Some(other)) => content.mixed |= !Arc::ptr_eq(sps, &other),
                        (Some(_), None) => {}
                    }
                }
                _ => {}
            }
        }
        content
    }

    /// Keeps a parameter set; `None` for one that breaks its syntax or is larger than any can be.
    fn take(&mut self, unit: &[u8]) -> Option<()> {
        if unit.len() > MAX_SET {
            return None;
        }
        if nal::kind(unit) == nal::SPS {
            let sps = Sps::read(&nal::payload(unit, MAX_SET)).filter(|sps| sps.id < 32)?;
            self.sps.insert(sps.id, (Arc::new(sps), unit.to_vec()));
        } else {
            let payload = nal::payload(unit, 16);
            let mut bits = Bits::new(&payload);
            let (id, sps) = (bits.ue().filter(|&id| id < 256)?, bits.ue()?);
            self.pps.insert(id, (sps, unit.to_vec()));
        }
        Some(())
    }

    fn of(&self, pps: u32) -> Option<Arc<Sps>> {
        let (sps, _) = self.pps.get(&pps)?;
        self.sps.get(sps).map(|(sps, _)| sps.clone())
    }

    /// All sets that were kept, and then the slices of a unit: what a decoder must see of it. Sets that are broken do
    /// not reach it, so that their number does not grow.
    fn assemble(&self, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(data.len() + 256);
        let sets = self.sps.values().map(|(_, raw)| raw).chain(self.pps.values().map(|(_, raw)| raw));
        sets.for_each(|raw| nal::push(&mut out, raw));
        let slices = nal::split(data).filter(|unit| matches!(nal::kind(unit), nal::SLICE..=nal::IDR));
        slices.for_each(|unit| nal::push(&mut out, unit));
        out
    }

    /// True once there is a sequence parameter set.
    pub(crate) fn any(&self) -> bool {
        !self.sps.is_empty()
    }

    /// Some sequence parameter set, where there is one.
    pub(crate) fn first(&self) -> Option<&Sps> {
        self.sps.values().next().map(|(sps, _)| sps.as_ref())
    }

    /// Whether pictures of these sets are 8-bit 4:2:0 frames of at most `max_pixels` pixels.
    ///
    /// # Errors
    /// What else they are.
    pub(crate) fn check(&self, max_pixels: u64) -> Result<(), DecodeError> {
        self.sps.values().try_for_each(|(sps, _)| check(sps, max_pixels))
    }
}

/// Whether pictures of this set are 8-bit 4:2:0 frames of at most `max_pixels` pixels.
pub(crate) fn check(sps: &Sps, max_pixels: u64) -> Result<(), DecodeError> {
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
            "H.264 with {} reference frames, more than the 16 there may be",
            sps.references
        ));
    }
    if sps.color().is_none() {
        return unsupported("H.264 whose planes are RGB or YCgCo; convert it to yuv420p".into());
    }
    if sps.coded.0.saturating_mul(sps.coded.1) > max_pixels {
        return Err(DecodeError::TooLarge {
            what: format!("a video of {}x{} pixels", sps.coded.0, sps.coded.1),
            limit: format!("{max_pixels} pixels"),
        });
    }
    Ok(())
}
