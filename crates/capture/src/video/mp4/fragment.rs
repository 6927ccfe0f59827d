//! Movie fragments (`moof`), whose samples follow the `moov` box.

use super::boxes::{Bytes, boxes, find};
use super::table::Sample;

/// The properties of a track's samples if a fragment doesn't declare them (`trex`).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Defaults {
    entry: u32,
    duration: u32,
    size: u32,
    flags: u32,
}

impl Defaults {
    /// Reads the defaults of `track` from a movie box.
    pub(super) fn read(moov: &[u8], track: u32) -> Self {
        let extends = find(moov, &[b"mvex"]).unwrap_or_default();
        boxes(extends)
            .filter(|(kind, _)| kind == b"trex")
            .find_map(|(_, body)| {
                let mut b = Bytes(body);
                b.version()?;
                (b.u32()? == track).then_some(())?;
                Some(Self { entry: b.u32()?, duration: b.u32()?, size: b.u32()?, flags: b.u32()? })
            })
            .unwrap_or_default()
    }
}

/// The state between two fragments.
pub(super) struct Fragments {
    pub(super) track: u32,
    pub(super) defaults: Defaults,
    /// The decoding time of the next sample in ticks.
    pub(super) dts: i64,
}

impl Fragments {
    /// Appends the samples of one `moof` box, which begins at byte `start` of the file.
    ///
    /// # Errors
    /// A description of the fault. The samples before the fault stay.
    pub(super) fn append(
        &mut self,
        moof: &[u8],
        start: u64,
        max: u64,
        samples: &mut Vec<Sample>,
    ) -> Result<(), String> {
        // Without a base of its own, a fragment begins at the end of the one before it.
        let mut end_of_last = start;
        for (_, traf) in boxes(moof).filter(|(kind, _)| kind == b"traf") {
            let header = find(traf, &[b"tfhd"]).and_then(|body| Header::read(body, self.defaults));
            let Some(header) = header else {
                return Err("a fragment without a header (tfhd)".into());
            };
            let base = match header.base {
                Some(base) => base,
                None if header.base_is_moof => start,
                None => end_of_last,
            };
            if header.track == self.track
                && let Some(time) = find(traf, &[b"tfdt"]).and_then(|body| {
                    let mut b = Bytes(body);
                    let (version, _) = b.version()?;
                    b.wide(version)
                })
            {
                self.dts = i64::try_from(time).unwrap_or(i64::MAX);
            }
            let mut offset = base;
            for (_, run) in boxes(traf).filter(|(kind, _)| kind == b"trun") {
                offset = self.run(run, &header, base, offset, max, samples)?;
            }
            end_of_last = offset;
        }
        Ok(())
    }

    /// Appends the samples of one run and returns the offset of its end. The run begins at `offset`, unless it declares
    /// another offset.
    fn run(
        &mut self,
        body: &[u8],
        header: &Header,
        base: u64,
        mut offset: u64,
        max: u64,
        samples: &mut Vec<Sample>,
    ) -> Result<u64, String> {
        let cut = || String::from("a fragment's samples (trun) are cut off");
        let mut b = Bytes(body);
        let (_, flags) = b.version().ok_or_else(cut)?;
        let count = u64::from(b.u32().ok_or_else(cut)?);
        if flags & 0x1 != 0 {
            offset = base.saturating_add_signed(i64::from(b.i32().ok_or_else(cut)?));
        }
        let mut first = if flags & 0x4 != 0 { Some(b.u32().ok_or_else(cut)?) } else { None };
        let fields = [0x100, 0x200, 0x400, 0x800].map(|bit| flags & bit != 0);
        let width = 4 * fields.iter().filter(|&&present| present).count() as u64;
        if (b.0.len() as u64) < count * width {
            return Err(cut());
        }
        if count.saturating_add(samples.len() as u64) > max {
            return Err(format!("more than the limit of {max} samples a track"));
        }
        if header.track != self.track && width == 0 {
            // No bytes of the file back this count, so it must not become the number of steps of a loop.
            return Ok(offset.saturating_add(count * u64::from(header.defaults.size)));
        }
        for _ in 0..count {
            let [duration, size, sample_flags, shift] =
                fields.map(|present| if present { b.u32() } else { None });
            let size = size.unwrap_or(header.defaults.size);
            // Flags of the first sample take precedence over those of each sample.
            let sample_flags = first.take().or(sample_flags).unwrap_or(header.defaults.flags);
            if header.track == self.track {
                let shift = i64::from(shift.unwrap_or(0).cast_signed());
                samples.push(Sample {
                    offset,
                    pts: self.dts.saturating_add(shift),
                    size,
                    entry: u16::try_from(header.defaults.entry.saturating_sub(1)).unwrap_or(u16::MAX),
                    // The sample depends on no other, and isn't a "non-sync sample".
                    key: sample_flags & 0x0301_0000 == 0x0200_0000,
                });
                let duration = duration.unwrap_or(header.defaults.duration);
                self.dts = self.dts.saturating_add(i64::from(duration));
            }
            offset = offset.saturating_add(u64::from(size));
        }
        Ok(offset)
    }
}

/// A track fragment's header.
struct Header {
    track: u32,
    base: Option<u64>,
    base_is_moof: bool,
    defaults: Defaults,
}

impl Header {
    fn read(body: &[u8], mut defaults: Defaults) -> Option<Self> {
        let mut b = Bytes(body);
        let (_, flags) = b.version()?;
        let track = b.u32()?;
        let base = if flags & 0x1 != 0 { Some(b.u64()?) } else { None };
        for (bit, field) in [
            (0x2, &mut defaults.entry),
            (0x8, &mut defaults.duration),
            (0x10, &mut defaults.size),
            (0x20, &mut defaults.flags),
        ] {
            if flags & bit != 0 {
                *field = b.u32()?;
            }
        }
        Some(Self { track, base, base_is_moof: flags & 0x02_0000 != 0, defaults })
    }
}
