//! Functions of each element on its own, over maps in NHWC order.

use crate::op::{Binary, Shape, Unary};
use crate::reference;

/// Applies a function to every element.
pub(crate) fn unary(function: &Unary, channels: usize, input: &[f32], out: &mut [f32]) {
    let plain = |f: fn(f32) -> f32, out: &mut [f32]| {
        out.iter_mut().zip(input).for_each(|(out, x)| *out = f(*x));
    };
    match function {
        Unary::Relu => plain(|x| reference::at_least(0.0, x), out),
        Unary::Square => plain(|x| x * x, out),
        Unary::Sqrt => plain(f32::sqrt, out),
        Unary::Recip => plain(f32::recip, out),
        Unary::Sigmoid => plain(|x| 1.0 / (1.0 + (-x).exp()), out),
        Unary::Exp => plain(f32::exp, out),
        Unary::Tanh => plain(f32::tanh, out),
        _ => {
            let pixels = out.chunks_exact_mut(channels).zip(input.chunks_exact(channels));
            for (out, x) in pixels {
                for (c, (out, x)) in out.iter_mut().zip(x).enumerate() {
                    *out = reference::unary(function, c, *x);
                }
            }
        }
    }
}

/// Applies a function to two values. A value with one pixel or one channel is repeated.
pub(crate) fn binary(
    function: Binary,
    a: (Shape, &[f32]),
    b: (Shape, &[f32]),
    shape: Shape,
    out: &mut [f32],
) {
    if a.0 == b.0 {
        for ((out, a), b) in out.iter_mut().zip(a.1).zip(b.1) {
            *out = reference::binary(function, *a, *b);
        }
        return;
    }
    let step = |of: Shape| {
        (if of.pixels() == 1 { 0 } else { of.channels }, usize::from(of.channels > 1 || shape.channels == 1))
    };
    let (a_pixel, a_channel) = step(a.0);
    let (b_pixel, b_channel) = step(b.0);
    for (pixel, out) in out.chunks_exact_mut(shape.channels).enumerate() {
        let a = &a.1[pixel * a_pixel..];
        let b = &b.1[pixel * b_pixel..];
        for (c, out) in out.iter_mut().enumerate() {
            *out = reference::binary(function, a[c * a_channel], b[c * b_channel]);
        }
    }
}
