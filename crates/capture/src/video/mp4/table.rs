//! The sample tables of a track: the place and time of each sample.

use super::boxes::{Bytes, boxes};

/// One sample: the coded data of one picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// The offset of its first byte in the file.
    pub(crate) offset: u64,
    /// The time at which it is shown, in ticks of the track.
    pub(crate) pts: i64,
    /// Its length in bytes.
    pub(crate) size: u32,
    /// The index of its description in the track, from 0.
    pub(crate) entry: u16,
    /// True if the file declares that this sample and those after it can be decoded without those before it.
    pub(crate) key: bool,
}

/// Returns the samples of a sample table box (`stbl`) in decoding order, and the decoding time after the last one.
///
/// # Errors
/// A description of the fault in the tables.
pub(super) fn samples(stbl: &[u8], max: u64) -> Result<(Vec<Sample>, i64), String> {
    let mut tables = Tables::default();
    for (kind, body) in boxes(stbl) {
        match &kind {
            b"stsz" => tables.sizes = Some(Sizes::read(body).ok_or("the sample sizes (stsz) are cut off")?),
            b"stsc" => tables.chunks = entries(body, 12).ok_or("the chunk table (stsc) is cut off")?,
            b"stco" => tables.offsets = entries(body, 4).ok_or("the chunk offsets (stco) are cut off")?,
            b"co64" => {
                tables.offsets = entries(body, 8).ok_or("the chunk offsets (co64) are cut off")?;
                tables.wide = true;
            }
            b"stts" => tables.durations = entries(body, 8).ok_or("the sample times (stts) are cut off")?,
            b"stss" => tables.keys = entries(body, 4).ok_or("the key frame table (stss) is cut off")?,
            b"ctts" => tables.shifts = entries(body, 8).ok_or("the sample times (ctts) are cut off")?,
            _ => {}
        }
    }
    tables.expand(max)
}

/// Returns the entries of a table, each of `width` bytes, without the count before them.
fn entries(body: &[u8], width: usize) -> Option<&[u8]> {
    let mut bytes = Bytes(body);
    bytes.version()?;
    let count = bytes.u32()? as usize;
    bytes.take(count.checked_mul(width)?)
}

/// The sample sizes: one for all samples, or one for each.
#[derive(Clone, Copy)]
struct Sizes<'a> {
    uniform: u32,
    count: u32,
    each: Bytes<'a>,
}

impl<'a> Sizes<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        let mut bytes = Bytes(body);
        bytes.version()?;
        let uniform = bytes.u32()?;
        let count = bytes.u32()?;
        if uniform == 0 && (bytes.0.len() as u64) < u64::from(count) * 4 {
            return None;
        }
        Some(Self { uniform, count, each: bytes })
    }

    fn next(&mut self) -> Option<u32> {
        self.count = self.count.checked_sub(1)?;
        if self.uniform > 0 { Some(self.uniform) } else { self.each.u32() }
    }
}

/// A table of runs. A run is a number of samples that have the same value.
struct Runs<'a> {
    rest: Bytes<'a>,
    left: u32,
    value: u32,
}

impl<'a> Runs<'a> {
    fn new(table: &'a [u8]) -> Self {
        Self { rest: Bytes(table), left: 0, value: 0 }
    }

    /// Returns the value of the next sample. Beyond the table's end, returns that of the last run.
    fn next(&mut self) -> u32 {
        while self.left == 0 {
            let (Some(count), Some(value)) = (self.rest.u32(), self.rest.u32()) else {
                return self.value;
            };
            self.left = count;
            self.value = value;
        }
        self.left -= 1;
        self.value
    }
}

#[derive(Default)]
struct Tables<'a> {
    sizes: Option<Sizes<'a>>,
    chunks: &'a [u8],
    offsets: &'a [u8],
    wide: bool,
    durations: &'a [u8],
    shifts: &'a [u8],
    keys: &'a [u8],
}

impl Tables<'_> {
    fn expand(self, max: u64) -> Result<(Vec<Sample>, i64), String> {
        let Some(mut sizes) = self.sizes else {
            return Ok((Vec::new(), 0));
        };
        let count = u64::from(sizes.count);
        if count > max {
            return Err(format!("{count} samples are over the limit of {max} samples a track"));
        }
        let mut samples = Vec::with_capacity(sizes.count as usize);
        let mut durations = Runs::new(self.durations);
        let mut shifts = Runs::new(self.shifts);
        let mut dts = 0_i64;
        let mut keys = Bytes(self.keys);
        let mut key = keys.u32();
        let mut offsets = Bytes(self.offsets);
        let mut run = ChunkRun::default();
        let mut later = Bytes(self.chunks);
        let mut upcoming = ChunkRun::read(&mut later);
        let mut chunk = 0_u32;
        'all: while let Some(start) = offsets.wide(u8::from(self.wide)) {
            chunk = chunk.saturating_add(1);
            while let Some(next) = upcoming.filter(|next| next.first <= chunk) {
                run = next;
                upcoming = ChunkRun::read(&mut later);
            }
            let mut offset = start;
            for _ in 0..run.samples {
                let Some(size) = sizes.next() else { break 'all };
                // Shifts are signed in version 1. Some writers of version 0 use negative ones as well.
                let shift = i64::from(shifts.next().cast_signed());
                let number = samples.len() as u64 + 1;
                while key.is_some_and(|key| u64::from(key) < number) {
                    key = keys.u32();
                }
                samples.push(Sample {
                    offset,
                    pts: dts.saturating_add(shift),
                    size,
                    entry: u16::try_from(run.entry.saturating_sub(1)).unwrap_or(u16::MAX),
                    key: key.is_some_and(|key| u64::from(key) == number),
                });
                offset = offset.saturating_add(u64::from(size));
                dts = dts.saturating_add(i64::from(durations.next()));
            }
        }
        if samples.is_empty() && count > 0 {
            return Err("no chunk holds its samples (stco, stsc)".into());
        }
        Ok((samples, dts))
    }
}

/// The chunks from number `first` on: how many samples each holds, and their description. Both numbers count from 1.
#[derive(Clone, Copy, Default)]
struct ChunkRun {
    first: u32,
    samples: u32,
    entry: u32,
}

impl ChunkRun {
    fn read(bytes: &mut Bytes<'_>) -> Option<Self> {
        Some(Self { first: bytes.u32()?, samples: bytes.u32()?, entry: bytes.u32()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(kind: &[u8; 4], words: &[u32]) -> Vec<u8> {
        let mut out = (words.len() as u32 * 4 + 12).to_be_bytes().to_vec();
        out.extend(kind);
        out.extend([0; 4]);
        out.extend(words.iter().flat_map(|w| w.to_be_bytes()));
        out
    }

    #[test]
    fn tables_become_samples() {
        let stbl = [
            full(b"stsz", &[0, 5, 10, 20, 30, 40, 50]),
            full(b"stsc", &[2, 1, 2, 1, 2, 1, 2]),
            full(b"stco", &[3, 100, 200, 300]),
            full(b"stts", &[2, 2, 4, 3, 5]),
            full(b"stss", &[2, 1, 3]),
            full(b"ctts", &[2, 1, 8, 4, -1_i32 as u32]),
        ]
        .concat();
        let (samples, end) = samples(&stbl, 100).unwrap();
        let got: Vec<_> = samples.iter().map(|s| (s.offset, s.size, s.pts, s.entry, s.key)).collect();
        let want =
            [(100, 10, 8, 0, true), (110, 20, 3, 0, false), (200, 30, 7, 1, true), (300, 40, 12, 1, false)];
        assert_eq!(got, want, "the fifth sample has no chunk: chunks 2 and 3 hold one each");
        assert_eq!(end, 18);
    }

    #[test]
    fn counts_beyond_the_table_or_the_limit_are_refused() {
        let bomb = full(b"stsz", &[0, 0x7fff_ffff, 10]);
        assert!(samples(&bomb, u64::MAX).unwrap_err().contains("stsz"));
        let uniform = full(b"stsz", &[1, 0x7fff_ffff]);
        assert!(samples(&uniform, 1000).unwrap_err().contains("limit"));
        let no_chunks = full(b"stsz", &[0, 1, 10]);
        assert!(samples(&no_chunks, 1000).unwrap_err().contains("stco"));
        assert_eq!(samples(&[], 1000).unwrap(), (vec![], 0));
    }
}
