//! The last step of every kernel: samples to RGB, rounded, normalised, in the network's channel order.

use super::Normalize;

/// Added and taken away again, this rounds a number below 2^22 to a whole one, halves to even: the sum has no bits
/// left for fractions. It compiles to two vector instructions on every target, which `f32::round_ties_even` does
/// not.
const ROUNDER: f32 = 12_582_912.0; // 1.5 * 2^23

/// Rounds to a whole number from 0 to 255.
#[inline]
pub(super) fn whole(value: f32) -> f32 {
    let value = if value > 0.0 { value } else { 0.0 };
    let value = if value < 255.0 { value } else { 255.0 };
    (value + ROUNDER) - ROUNDER
}

/// Makes one row of each of the three planes of `out`, from `at` on, out of a row of samples of each channel.
/// `cover`, where given, is how much of each pixel the picture covers (0 to 1); the rest of it is black.
pub(super) fn finish(
    samples: [&[f32]; 3],
    cover: Option<&[f32]>,
    rgb: &[[f32; 4]; 3],
    normalize: &Normalize,
    out: &mut [f32],
    at: usize,
) {
    let len = samples[0].len();
    let plane = out.len() / 3;
    let [first, second, third] = samples.map(|row| &row[..len]);
    for (c, out) in out.chunks_exact_mut(plane).enumerate() {
        let out = &mut out[at..][..len];
        let [a, b, d, e] = rgb[normalize.source(c)];
        let (mean, scale) = (normalize.mean[c], normalize.scale[c]);
        match cover {
            None => {
                for x in 0..len {
                    let value = whole(first[x] * a + second[x] * b + third[x] * d + e);
                    out[x] = (value - mean) * scale;
                }
            }
            Some(cover) => {
                let cover = &cover[..len];
                for x in 0..len {
                    let value = whole(first[x] * a + second[x] * b + third[x] * d + e);
                    out[x] = (whole(value * cover[x]) - mean) * scale;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_opencvs() {
        let cases = [
            (-3.0, 0.0),
            (0.49, 0.0),
            (0.5, 0.0),
            (1.5, 2.0),
            (2.5, 2.0),
            (254.6, 255.0),
            (300.0, 255.0),
            (f32::NAN, 0.0),
        ];
        for (value, want) in cases {
            assert_eq!(whole(value), want, "{value}");
        }
    }
}
