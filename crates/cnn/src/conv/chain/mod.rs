//! Convolutions that run together, row by row, so that the maps between them stay in the cache.
//!
//! Each link of a chain computes rows of a map. The chain asks for one band of rows of its last link at a time. Each
//! link before it first computes the rows that are missing for that band. All links but the last keep only the rows
//! that the next link still needs, in a ring. The last link writes its band to the output map. A chain of one link is a
//! plain convolution.

use std::ops::Range;

use crate::conv::chain::link::{Link, LinkInput, LinkKind, RowRing};

pub(crate) mod build;
pub(crate) mod link;
pub(crate) mod runs;

/// The largest number of links of a chain.
pub(crate) const MAX_LINKS: usize = 20;

/// The largest size of a chain's rings if the band has more than one row: half of a typical second-level cache.
const MAX_RING_BYTES: usize = 512 << 10;

/// Links that run together.
#[derive(Debug)]
pub(crate) struct Chain {
    input: RowRing,
    links: Vec<Link>,
    /// The rows of the last link that are computed at a time.
    band: usize,
}

impl Chain {
    /// Creates a chain over a whole map. The outputs of the links must be whole maps. All but the last become rings,
    /// and they become rings of bytes if a depthwise convolution comes before a matrix of bytes.
    ///
    /// With more rows in a band, the depthwise links read rows again less often and narrow maps have larger tiles. But
    /// the rings should stay in the second-level cache.
    pub(crate) fn new(input: RowRing, mut links: Vec<Link>) -> Self {
        for i in 1..links.len() {
            let (before, after) = links.split_at_mut(i);
            if let (LinkKind::Depthwise(_), LinkKind::Bytes { quantized, .. }) =
                (&before[i - 1].kind, &mut after[0].kind)
            {
                *quantized = true;
                before[i - 1].output.len /= size_of::<f32>();
            }
        }
        let height = links.last().map_or(1, |link| link.output.height);
        let mut chain = Self { input, links, band: height };
        let mut band = height;
        loop {
            chain.size_rings(band);
            if band == 1 || chain.rings_len() * size_of::<f32>() <= MAX_RING_BYTES {
                return chain;
            }
            band = band.div_ceil(2);
        }
    }

    /// Sizes the rings for bands of this number of rows. Goes through the bands once to find the rows that each ring
    /// must hold.
    fn size_rings(&mut self, band: usize) {
        self.band = band;
        let last = self.links.len() - 1;
        let mut kept = vec![1; last];
        self.for_each_band(|links, wanted| {
            for link in 1..links.len() {
                let height = links[link - 1].output.height;
                let first = links[link].reach.needs(&wanted[link], height).start;
                kept[link - 1] = kept[link - 1].max(wanted[link - 1].end.saturating_sub(first));
            }
        });
        for (link, kept) in self.links.iter_mut().zip(kept) {
            link.output.kept = kept.min(link.output.height);
        }
    }

    /// Returns the length of the scratch memory, which holds the rings and after them quantized pixels.
    pub(crate) fn scratch_len(&self) -> usize {
        let bytes = self.links.iter().map(Link::quantized_bytes).max().unwrap_or(0);
        self.rings_len() + bytes.div_ceil(size_of::<f32>())
    }

    fn rings_len(&self) -> usize {
        let last = self.links.len() - 1;
        self.links[..last].iter().map(|link| link.output.memory_len()).sum()
    }

    /// Returns the bytes of the weights.
    pub(crate) fn weight_bytes(&self) -> usize {
        self.links.iter().map(Link::weight_bytes).sum()
    }

    /// Describes the chain for a reader.
    pub(crate) fn describe(&self) -> String {
        self.links.iter().map(Link::describe).collect::<Vec<String>>().join(", ")
    }

    /// Goes through the bands of the last link. Passes the rows that each link must compute for the band; a range
    /// begins at the first row that is not computed yet.
    fn for_each_band(&self, mut each: impl FnMut(&[Link], &[Range<usize>])) {
        let last = self.links.len() - 1;
        let height = self.links[last].output.height;
        let mut wanted = [const { 0..0 }; MAX_LINKS];
        let wanted = &mut wanted[..=last];
        for start in (0..height).step_by(self.band) {
            wanted[last] = start..(start + self.band).min(height);
            for link in (0..last).rev() {
                let done = wanted[link].end;
                let height = self.links[link].output.height;
                // A link without rows to compute needs no rows.
                let next = &wanted[link + 1];
                let needs =
                    if next.is_empty() { 0 } else { self.links[link + 1].reach.needs(next, height).end };
                wanted[link] = done..needs.max(done);
            }
            each(&self.links, wanted);
        }
    }

    /// Computes the map of the last link and adds `residual` to it.
    pub(crate) fn run(&self, input: &[f32], scratch: &mut [f32], residual: Option<&[f32]>, out: &mut [f32]) {
        let last = self.links.len() - 1;
        let (scratch, quantized) = scratch.split_at_mut(self.rings_len());
        let quantized: &mut [u8] = bytemuck::cast_slice_mut(quantized);
        self.for_each_band(|links, wanted| {
            let mut from = 0;
            let mut source = self.input;
            for (i, (link, rows)) in links.iter().zip(wanted).enumerate() {
                let to = from + link.output.memory_len();
                // The rings lie one after another. A link reads the ring before it and writes its own.
                if i == last {
                    let data = if i == 0 { input } else { &scratch[from - source.memory_len()..from] };
                    let input = LinkInput { rows: source, data, residual };
                    link.run(rows.clone(), &input, quantized, None, out);
                } else {
                    let (before, after) = scratch.split_at_mut(from);
                    let data = if i == 0 { input } else { &before[from - source.memory_len()..] };
                    let input = LinkInput { rows: source, data, residual: None };
                    let next = links[i + 1].byte_input();
                    link.run(rows.clone(), &input, quantized, next, &mut after[..to - from]);
                }
                from = to;
                source = link.output;
            }
        });
    }
}
