//! The source samples of each target sample of a scaled row or column, and their weights.

use passerby_cnn::Isa;
use passerby_cnn::resample::RowTaps;

/// One axis of a scaling: a run of source samples for each target pixel, with weights that sum to 1.
///
/// All runs have the same length. Shorter runs are extended inside the source with weights of 0.
#[derive(Debug, Default)]
pub(crate) struct Axis {
    key: (usize, usize, usize),
    /// The weights of the run in progress.
    run_weights: Vec<f64>,
    /// The length of the runs.
    pub(crate) taps: usize,
    /// The first source sample of each target pixel's run.
    pub(crate) starts: Vec<u32>,
    /// The weights of each target pixel's run.
    pub(crate) weights: Vec<f32>,
}

/// The axis of the columns, with its runs laid out for the kernels.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    axis: Axis,
    taps: Option<RowTaps>,
}

impl Columns {
    /// Prepares the axis as [`Axis::prepare`] does.
    pub(crate) fn prepare(&mut self, isa: Isa, size: usize, block: usize, target: usize) {
        if self.axis.prepare(size, block, target) {
            self.taps = Some(RowTaps::new(isa, &self.axis.starts, &self.axis.weights));
        }
    }

    /// Returns the runs.
    ///
    /// # Panics
    /// Panics if the axis has not been prepared.
    pub(crate) fn taps(&self) -> &RowTaps {
        self.taps.as_ref().expect("an axis is prepared before it is used")
    }
}

/// The part of a source sample below which it does not count. It is rounding error.
const MIN_PART: f64 = 1e-6;

impl Axis {
    /// Prepares the axis for `target` pixels from a source of `size` pixels, of which `block` share a sample. Returns
    /// false and does nothing if it is already prepared for these.
    ///
    /// A shrinking axis averages: a target pixel is the mean of the source pixels that it covers, each weighted by the
    /// covered part (OpenCV's `INTER_AREA`). Any other axis interpolates linearly between the centres of samples, and
    /// repeats the outermost sample beyond them (`INTER_LINEAR`).
    pub(crate) fn prepare(&mut self, size: usize, block: usize, target: usize) -> bool {
        if self.key == (size, block, target) {
            return false;
        }
        self.key = (size, block, target);
        let samples = size.div_ceil(block);
        let run = if size > target { average } else { interpolate };
        self.taps = 0;
        for i in 0..target {
            run(self.key, i, &mut self.run_weights);
            self.taps = self.taps.max(self.run_weights.len());
        }
        self.starts.clear();
        self.weights.clear();
        for i in 0..target {
            let start = run(self.key, i, &mut self.run_weights);
            let from = start.min(samples - self.taps);
            let total: f64 = self.run_weights.iter().sum();
            self.starts.push(from as u32);
            let row = self.weights.len() + start - from;
            self.weights.resize((i + 1) * self.taps, 0.0);
            for (weight, part) in self.weights[row..].iter_mut().zip(&self.run_weights) {
                *weight = (part / total) as f32;
            }
        }
        true
    }

    /// Returns the run of target pixel `i` without the zeros around it: its first sample and its weights.
    pub(crate) fn run(&self, i: usize) -> (usize, &[f32]) {
        let weights = &self.weights[i * self.taps..][..self.taps];
        let skip = weights.iter().take_while(|w| **w == 0.0).count();
        let end = weights.iter().rposition(|w| *w != 0.0).map_or(skip, |last| last + 1);
        (self.starts[i] as usize + skip, &weights[skip..end])
    }
}

/// Computes the parts of the samples that target pixel `i` covers, and returns the first of these samples.
fn average((size, block, target): (usize, usize, usize), i: usize, run_weights: &mut Vec<f64>) -> usize {
    let edge = |i: usize| (i * size) as f64 / target as f64;
    let low = edge(i);
    let high = edge(i + 1);
    let covered = |j: usize| high.min(((j + 1) * block).min(size) as f64) - low.max((j * block) as f64);
    let mut start = low as usize / block;
    if covered(start) < MIN_PART {
        start += 1;
    }
    run_weights.clear();
    run_weights.extend((start..size.div_ceil(block)).map(covered).take_while(|part| *part >= MIN_PART));
    start
}

/// Computes the weights of the one or two samples whose centres enclose the centre of target pixel `i`, and returns the
/// first of them.
fn interpolate((size, block, target): (usize, usize, usize), i: usize, run_weights: &mut Vec<f64>) -> usize {
    let center = (2 * i + 1) as f64 * size as f64 / (2 * target * block) as f64 - 0.5;
    let center = center.clamp(0.0, (size.div_ceil(block) - 1) as f64);
    let start = center as usize;
    let part = center.fract();
    run_weights.clear();
    run_weights.push(1.0 - part);
    if part >= MIN_PART {
        run_weights.push(part);
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
    fn the_same_size_copies() {
        assert_eq!(axis(4, 1, 4).run(3), (3, &[1.0][..]));
    }

    #[test]
    fn shrinking_averages_the_covered_parts() {
        let half = axis(4, 1, 2);
        assert_eq!((half.run(0), half.run(1)), ((0, &[0.5, 0.5][..]), (2, &[0.5, 0.5][..])));
        // From 5 pixels to 2, each target pixel covers 2.5. The chroma samples hold pixels 0 and 1, 2 and 3, and 4
        // alone.
        assert_eq!(axis(5, 1, 2).run(1), (2, &[0.2, 0.4, 0.4][..]));
        assert_eq!(axis(5, 2, 2).run(0), (0, &[0.8, 0.2][..]));
        assert_eq!(axis(5, 2, 2).run(1), (1, &[0.6, 0.4][..]));
    }

    #[test]
    fn enlarging_interpolates() {
        assert_eq!(axis(2, 1, 4).run(1), (0, &[0.75, 0.25][..]));
    }

    #[test]
    fn enlarging_repeats_the_edge() {
        let double = axis(2, 1, 4);
        assert_eq!(double.run(0), (0, &[1.0][..]));
        assert_eq!(double.run(3), (1, &[1.0][..]));
    }

    proptest! {
        #[test]
        fn runs_are_valid_means(size in 1usize..3000, block in 1usize..3, target in 1usize..700) {
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
