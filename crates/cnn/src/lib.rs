//! Convolutional networks on a CPU: describe a [`Graph`], make a [`Plan`] of it, run it in a [`Session`] for each worker.
#![allow(dead_code)]

mod buffer;
mod error;
mod graph;
mod isa;
mod kernel;
mod op;
pub mod pixels;
mod plan;
mod reference;
mod simd;

pub use error::{GraphError, InputError};
pub use graph::{Graph, Value};
pub use isa::Isa;
pub use op::{Binary, Conv, Coordinates, Interpolation, Order, Pads, Pool, Shape, Unary, Window};
pub use plan::{Plan, Session};

#[cfg(test)]
mod speed {
    use super::*;
    use crate::kernel::depthwise::*;
    use crate::kernel::matmul::*;
    #[test]
    fn dw() {
        for isa in Isa::available() {
            for (h, w, c, st) in [
                (144usize, 240usize, 32usize, 1usize),
                (144, 240, 96, 2),
                (72, 120, 144, 1),
                (36, 60, 192, 1),
                (18, 30, 384, 1),
                (9, 15, 960, 1),
                (56, 56, 64, 1),
                (14, 14, 256, 1),
            ] {
                let x: Vec<f32> = (0..h * w * c).map(|i| (i % 17) as f32 * 0.1).collect();
                let (ho, wo) = (h / st, w / st);
                let mut out = vec![0.0; ho * wo * c];
                let t = Taps::new(*isa, 3, 3, &vec![0.1; c * 9], &vec![0.1; c]);
                let f = Finish { before: (0.0, f32::INFINITY), ..Finish::default() };
                let it = (50_000_000 / (ho * wo * c * 9)).max(1);
                let mut best = f64::MAX;
                for _ in 0..7 {
                    let tm = std::time::Instant::now();
                    for _ in 0..it {
                        for y in 0..ho {
                            let src: [Option<&[f32]>; 3] = std::array::from_fn(|k| {
                                (y * st + k)
                                    .checked_sub(1)
                                    .filter(|r| *r < h)
                                    .map(|r| &x[r * w * c..][..w * c])
                            });
                            depthwise(
                                &t,
                                &f,
                                &Row {
                                    sources: &src,
                                    width: w,
                                    out_width: wo,
                                    stride: st,
                                    dilation: 1,
                                    pad: 1,
                                    residual: None,
                                },
                                &mut out[y * wo * c..][..wo * c],
                            );
                        }
                        std::hint::black_box(&out);
                    }
                    best = best.min(tm.elapsed().as_secs_f64() / it as f64);
                }
                println!("dw {isa:?} {h}x{w}x{c} s{st} {:.1} GMAC/s", (ho * wo * c * 9) as f64 / best / 1e9);
            }
        }
    }
    #[test]
    fn speed() {
        for isa in Isa::available() {
            for (n, ic, oc) in [
                (144 * 240, 16, 96),
                (240, 16, 96),
                (120, 96, 24),
                (120, 144, 24),
                (72 * 120, 24, 144),
                (36 * 60, 32, 192),
                (540, 64, 384),
                (540, 384, 64),
                (540, 576, 96),
                (135, 160, 960),
                (135, 960, 160),
                (196, 128, 256),
                (196, 256, 128),
                (49, 512, 128),
                (49, 128, 512),
            ] {
                let x: Vec<f32> = (0..n * ic).map(|i| (i % 17) as f32 * 0.1).collect();
                let mut out = vec![0.0; n * oc];
                let w =
                    Weights::new(*isa, ic, &vec![0.1; oc], |k, c| ((k * 7 + c * 3) % 11) as f32 * 0.1 - 0.5);
                let f = Finish { before: (0.0, f32::INFINITY), ..Finish::default() };
                let it = (200_000_000 / (n * ic * oc)).max(1);
                let mut best = f64::MAX;
                for _ in 0..7 {
                    let t = std::time::Instant::now();
                    for _ in 0..it {
                        matmul(
                            &w,
                            &f,
                            &Pixels {
                                sources: &[&x],
                                step: ic,
                                run: ic,
                                count: n,
                                residual: None,
                                out_step: oc,
                            },
                            &mut out,
                        );
                        std::hint::black_box(&out);
                    }
                    best = best.min(t.elapsed().as_secs_f64() / it as f64);
                }
                println!("{isa:?} {n}x{ic}x{oc} {:.1} GMAC/s", (n * ic * oc) as f64 / best / 1e9);
            }
        }
    }
}
