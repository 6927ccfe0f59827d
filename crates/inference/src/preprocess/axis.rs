//! Which samples make up each sample of a scaled row or column, and with what weights.

use passerby_cnn::Isa;
use passerby_cnn::pixels::Taps;

/// One axis of a scaling: for each target pixel, a run of source samples and their weights, which sum to 1.
///
/// All runs are equally long; shorter ones are filled up with weights of 0, inside the source.
#[derive(Debug, Default)]
pub(super) struct Axis {
    key: (usize, usize, usize),
    /// The weights of the run being made.
    line: Vec<f64>,
    /// How long the runs are.
    pub(super) taps: usize,
    /// For each target pixel, the first source sample of its run.
    pub(super) starts: Vec<u32>,
    /// For each target pixel, the weights of its run.
    pub(super) weights: Vec<f32>,
}

/// The axis of the columns, its runs laid out for the kernels.
#[derive(Debug, Default)]
pub(super) struct Columns {
    axis: Axis,
    taps: Option<Taps>,
}

impl Columns {
    /// As [`Axis::prepare`].
    pub(super) fn prepare(&mut self, isa: Isa, size: usize, block: usize, target: usize) {
        if self.axis.prepare(size, block, target) {
            self.taps = Some(Taps::new(isa, &self.axis.starts, &self.axis.weights));
        }
    }

    /// The runs.
    ///
    /// # Panics
    /// Before the axis was prepared.
    pub(super) fn taps(&self) -> &Taps {
        self.taps.as_ref().expect("an axis is prepared before it is used")
    }
}

/// Less of a source sample than this does not count: it is rounding error.
const NOTHING: f64 = 1e-6;

impl Axis {
    /// Prepares the axis for a source of `size` pixels of which `block` share a sample, and `target` pixels.
    /// Nothing is done where it is prepared for them already, and false returned.
    ///
    /// A shrinking axis averages: a target pixel is the mean of the source pixels it covers, in parts where it
    /// covers them in parts (OpenCV's `INTER_AREA`). Others interpolate linearly between sample centres, and repeat
    /// the outermost sample beyond them (`INTER_LINEAR`).
    pub(super) fn prepare(&mut self, size: usize, block: usize, target: usize) -> bool {
        if self.key == (size, block, target) {
            return false;
        }
        self.key = (size, block, target);
        let samples = size.div_ceil(block);
        let run = if size > target { averaged } else { interpolated };
        self.taps = 0;
        for i in 0..target {
            run(self.key, i, &mut self.line);
            self.taps = self.taps.max(self.line.len());
        }
        self.starts.clear();
        self.weights.clear();
        for i in 0..target {
            let start = run(self.key, i, &mut self.line);
            let from = start.min(samples - self.taps);
            let total: f64 = self.line.iter().sum();
            self.starts.push(from as u32);
            let row = self.weights.len() + start - from;
            self.weights.resize((i + 1) * self.taps, 0.0);
            for (weight, part) in self.weights[row..].iter_mut().zip(&self.line) {
                *weight = (part / total) as f32;
            }
        }
        true
    }

    /// The run of target pixel `i` without the zeros around it: where it starts, and its weights.
    pub(super) fn run(&self, i: usize) -> (usize, &[f32]) {
        let weights = &self.weights[i * self.taps..][..self.taps];
        let skip = weights.iter().take_while(|w| **w == 0.0).count();
        let end = weights.iter().rposition(|w| *w != 0.0).map_or(skip, |last| last + 1);
        (self.starts[i] as usize + skip, &weights[skip..end])
    }
}

/// How much of each sample target pixel `i` covers, from the returned sample on.
fn averaged((size, block, target): (usize, usize, usize), i: usize, line: &mut Vec<f64>) -> usize {
    let edge = |i: usize| (i * size) as f64 / target as f64;
    let (low, high) = (edge(i), edge(i + 1));
    let covered = |j: usize| high.min(((j + 1) * block).min(size) as f64) - low.max((j * block) as f64);
    let mut start = low as usize / block;
    if covered(start) < NOTHING {
        start += 1;
    }
    line.clear();
    line.extend((start..size.div_ceil(block)).map(covered).take_while(|part| *part >= NOTHING));
    start
}

/// The weights of the two samples, or the one, between whose centres the centre of target pixel `i` lies.
fn interpolated((size, block, target): (usize, usize, usize), i: usize, line: &mut Vec<f64>) -> usize {
    let center = (2 * i + 1) as f64 * size as f64 / (2 * target * block) as f64 - 0.5;
    let center = center.clamp(0.0, (size.div_ceil(block) - 1) as f64);
    let (start, part) = (center as usize, center.fract());
    line.clear();
    line.push(1.0 - part);
    if part >= NOTHING {
        line.push(part);
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn axis(size: usize, block: usize, target: usize) -> Axis {
        let mut axis = Axis::default();
        axis.prepare(size, block, target);
        axis
    }

    #[test]
    fn halving_averages_pairs_and_the_same_size_copies() {
        let half = axis(4, 1, 2);
        assert_eq!((half.run(0), half.run(1)), ((0, &[0.5, 0.5][..]), (2, &[0.5, 0.5][..])));
        assert_eq!(axis(4, 1, 4).run(3), (3, &[1.0][..]));
        // Five pixels onto two: 2.5 each. The chroma samples hold pixels 0-1, 2-3 and 4 alone.
        assert_eq!(axis(5, 1, 2).run(1), (2, &[0.2, 0.4, 0.4][..]));
        assert_eq!(axis(5, 2, 2).run(0), (0, &[0.8, 0.2][..]));
        assert_eq!(axis(5, 2, 2).run(1), (1, &[0.6, 0.4][..]));
    }

    #[test]
    fn doubling_interpolates_and_repeats_the_edge() {
        let double = axis(2, 1, 4);
        assert_eq!(double.run(0), (0, &[1.0][..]));
        assert_eq!(double.run(1), (0, &[0.75, 0.25][..]));
        assert_eq!(double.run(3), (1, &[1.0][..]));
    }

    proptest! {
        #[test]
        fn runs_lie_inside_and_weigh_one(size in 1usize..3000, block in 1usize..3, target in 1usize..700) {
            let axis = axis(size, block, target);
            for i in 0..target {
                let (start, weights) = axis.run(i);
                prop_assert!(!weights.is_empty() && start + weights.len() <= size.div_ceil(block));
                prop_assert!(axis.starts[i] as usize + axis.taps <= size.div_ceil(block));
                prop_assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            }
        }
    }
}
