//! Plans of random graphs compute the same as the graphs, with every instruction set of this machine.

use passerby_cnn::{
    ActivationRanges, Binary, Conv, CoordinateMode, Graph, GraphError, Interpolation, Isa, Pads, Plan,
    Pooling, RangeCalibrator, Shape, TensorLayout, Unary, Value, Window,
};
use proptest::prelude::*;

/// A reproducible sequence of random numbers.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        // xorshift64* (S. Vigna, 2016, section 3).
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33
    }

    fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n
    }

    fn numbers(&mut self, n: usize, scale: f32) -> Vec<f32> {
        (0..n).map(|_| ((self.next() % 2001) as f32 / 1000.0 - 1.0) * scale).collect()
    }

    fn pads(&mut self, most: usize) -> Pads {
        let mut side = || self.below(most + 1);
        Pads { top: side(), left: side(), bottom: side(), right: side() }
    }

    fn window(&mut self) -> Window {
        let square = self.below(2) == 0;
        let side = [1, 1, 2, 3, 3, 3, 5, 7][self.below(8)];
        let other = if square { side } else { [1, 2, 3][self.below(3)] };
        let stride = 1 + self.below(2);
        let most = side.min(other) / 2 + self.below(2);
        Window {
            kernel: (side, other),
            stride: (stride, if square { stride } else { 1 + self.below(3) }),
            dilation: if self.below(4) == 0 { (2, 1 + self.below(2)) } else { (1, 1) },
            pads: self.pads(most),
        }
    }

    fn conv(&mut self, inputs: usize, transposed: bool) -> Conv {
        let (groups, channels) = match self.below(4) {
            0 if !transposed => (inputs, inputs),
            1 if !transposed && inputs.is_multiple_of(2) => (2, 2 * (1 + self.below(12))),
            _ => (1, 1 + self.below(40)),
        };
        let window = self.window();
        let taps = window.kernel.0 * window.kernel.1;
        let weights = channels * inputs / groups * taps;
        let scale = 1.5 / ((inputs / groups * taps) as f32).sqrt();
        let bias = if self.below(3) == 0 { vec![] } else { self.numbers(channels, 0.5) };
        let mut weights = self.numbers(weights, scale);
        if self.below(2) == 0 {
            // Half precision can represent these values, so plans may store them in it.
            weights.iter_mut().for_each(|w| *w = (*w * 1024.0).round() / 1024.0);
        }
        Conv { channels, groups, window, weights, bias }
    }

    fn unary(&mut self, channels: usize) -> Unary {
        match self.below(10) {
            0 | 1 => Unary::Relu,
            2 => Unary::Clip(-0.5, 0.75),
            3 => Unary::Leaky(0.1),
            4 => Unary::Prelu(self.numbers(channels, 0.5)),
            5 => Unary::Affine { scale: self.numbers(channels, 1.5), shift: self.numbers(channels, 0.5) },
            6 => Unary::Affine { scale: vec![0.5], shift: vec![0.25] },
            7 => Unary::Sigmoid,
            8 => Unary::Tanh,
            _ => Unary::Square,
        }
    }

    /// Adds an operator after one of the values, preferably the last.
    fn grow(&mut self, graph: &mut Graph, values: &[Value]) -> Result<Value, GraphError> {
        let last = values[values.len() - 1];
        let x = if self.below(4) == 0 { values[self.below(values.len())] } else { last };
        let shape = graph.shape(x);
        match self.below(16) {
            0..6 => {
                let conv = self.conv(shape.channels, false);
                graph.conv(x, conv)
            }
            6 => {
                let conv = self.conv(shape.channels, true);
                let extra = (self.below(2), self.below(2));
                graph.conv_transpose(x, conv, extra)
            }
            7..10 => graph.unary(x, self.unary(shape.channels)),
            10..12 => {
                // The other operand has the same shape, or it is repeated over the shape.
                let fits = values.iter().filter(|v| graph.shape(**v) == shape);
                let others: Vec<Value> = fits.copied().collect();
                let other = match self.below(4) {
                    0 => graph.mean(x)?,
                    1 => graph.sum(x)?,
                    _ => others[self.below(others.len())],
                };
                let function = [Binary::Add, Binary::Add, Binary::Sub, Binary::Mul, Binary::Max, Binary::Min];
                graph.binary(function[self.below(6)], x, other)
            }
            12 => {
                let pool = [Pooling::Max, Pooling::Average, Pooling::AverageIncludingPads][self.below(3)];
                // With dilation, all taps may miss a small map, and the mean of nothing is undefined.
                let window = Window { dilation: (1, 1), ..self.window() };
                graph.pool(x, pool, window)
            }
            13 => {
                let size = (1 + self.below(12), 1 + self.below(12));
                let interpolation = [Interpolation::Nearest, Interpolation::Linear][self.below(2)];
                let coordinates =
                    [CoordinateMode::Asymmetric, CoordinateMode::HalfPixel, CoordinateMode::AlignCorners]
                        [self.below(3)];
                graph.resize(x, size, interpolation, coordinates)
            }
            14 => {
                let pads = self.pads(2);
                let value = [0.0, 0.0, 1.5][self.below(3)];
                graph.pad(x, pads, [0, 0, 3][self.below(3)], value)
            }
            _ => match self.below(4) {
                0 if shape.channels % 2 == 1 => {
                    let both = graph.concat(&[x, x])?;
                    graph.slice_channels(both, 1..shape.channels + 1)
                }
                0 => graph.concat(&[x, x]),
                1 => graph.stack(&[x, x]),
                2 => graph.softmax(x),
                _ => graph.rows(x, [1, shape.channels, 2][self.below(3)]),
            },
        }
    }
}

/// Returns a graph of about `size` operators with one to three outputs.
fn graph(noise: &mut Noise, input: Shape, size: usize) -> Graph {
    let (mut graph, x) = Graph::new(input).expect("an input");
    let mut values = vec![x];
    for _ in 0..size {
        // Operators that do not fit a small map are skipped.
        if let Ok(value) = noise.grow(&mut graph, &values)
            && graph.shape(value).len() < 20_000
        {
            values.push(value);
        }
    }
    let order = |n: usize| if n == 0 { TensorLayout::Nchw } else { TensorLayout::Nhwc };
    graph.output(values[values.len() - 1], order(noise.below(2)));
    for _ in 0..noise.below(3) {
        graph.output(values[noise.below(values.len())], order(noise.below(2)));
    }
    graph
}

/// Asserts that every plan of a graph computes the same as the graph.
fn assert_plans_match_graph(graph: &Graph, noise: &mut Noise) {
    let input = noise.numbers(graph.input_shape().len(), 1.0);
    assert_plans_compute(graph, &input, &graph.evaluate(&input));
}

/// Asserts that every plan of a graph computes these outputs.
fn assert_plans_compute(graph: &Graph, input: &[f32], expected: &[Vec<f32>]) {
    for isa in Isa::available() {
        let plan = Plan::new(graph, *isa).expect("a plan");
        let mut session = plan.session();
        // Runs twice, because the remains of a run must not matter.
        for _ in 0..2 {
            session.input().copy_from_slice(input);
            session.run();
        }
        for (i, expected) in expected.iter().enumerate() {
            assert_close(session.output(i), expected, &format!("output {i}; {plan:?}"));
        }
    }
}

/// Asserts that values are within 1e-4 of the largest value, or of a tenth of the largest input, because values that
/// cancel leave the rounding of their operands. A value that is not finite must be so in both.
fn assert_close(given: &[f32], expected: &[f32], what: &str) {
    assert_eq!(given.len(), expected.len(), "{what}");
    let top = expected.iter().filter(|x| x.is_finite()).fold(0.1_f32, |top, x| top.max(x.abs()));
    for (i, (a, b)) in given.iter().zip(expected).enumerate() {
        let same = a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-4 * top;
        assert!(same, "number {i}: {a}, not {b}, with numbers up to {top}; {what}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn plans_compute_the_same_as_graphs(
        seed in 1_u64..u64::MAX,
        channels in 1_usize..20,
        height in 1_usize..24,
        width in 1_usize..24,
        size in 1_usize..12,
    ) {
        let mut noise = Noise(seed);
        let graph = graph(&mut noise, Shape::new(channels, height, width), size);
        assert_plans_match_graph(&graph, &mut noise);
    }

    #[test]
    fn single_convolutions(
        seed in 1_u64..u64::MAX,
        channels in 1_usize..70,
        height in 1_usize..40,
        width in 1_usize..40,
    ) {
        let mut noise = Noise(seed);
        let (mut graph, x) = Graph::new(Shape::new(channels, height, width)).unwrap();
        let transposed = noise.below(4) == 0;
        let conv = noise.conv(channels, transposed);
        let y = if transposed { graph.conv_transpose(x, conv, (0, 0)) } else { graph.conv(x, conv) };
        prop_assume!(y.is_ok());
        let y = y.unwrap();
        let y = graph.unary(y, noise.unary(graph.shape(y).channels)).unwrap();
        graph.output(y, TensorLayout::Nchw);
        assert_plans_match_graph(&graph, &mut noise);
    }
}

/// Returns bottlenecks like those of mobile networks.
fn bottlenecks(noise: &mut Noise, seed: u64, height: usize, width: usize, blocks: usize) -> Graph {
    let (mut graph, x) = Graph::new(Shape::new(3, height, width)).expect("an input");
    let mut conv = |graph: &mut Graph, x: Value, channels: usize, groups: usize, window: Window| {
        let taps = window.kernel.0 * window.kernel.1;
        let inputs = graph.shape(x).channels / groups;
        let weights = noise.numbers(channels * inputs * taps, 1.5 / ((inputs * taps) as f32).sqrt());
        let bias = noise.numbers(channels, 0.5);
        let y = graph.conv(x, Conv { channels, groups, window, weights, bias }).expect("a convolution");
        match noise.below(4) {
            0 => y,
            1 => graph.unary(y, Unary::Prelu(noise.numbers(channels, 0.5))).expect("slopes"),
            _ => graph.unary(y, Unary::Clip(0.0, 6.0)).expect("bounds"),
        }
    };
    let mut x = conv(&mut graph, x, 24, 1, Window::square(3, 1, 1));
    for block in 0..blocks {
        let stride = 1 + (seed as usize >> block) % 2;
        let side = [3, 3, 5][(seed as usize >> (3 * block)) % 3];
        let middle = [72, 64, 40][block];
        let y = conv(&mut graph, x, middle, 1, Window::square(1, 1, 0));
        let y = conv(&mut graph, y, middle, middle, Window::square(side, stride, side / 2));
        let y = conv(&mut graph, y, 24, 1, Window::square(1, 1, 0));
        x = if stride == 1 { graph.binary(Binary::Add, x, y).expect("one shape") } else { y };
    }
    graph.output(x, TensorLayout::Nhwc);
    graph
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The maps are large enough for convolutions to run together row by row, as in real networks.
    #[test]
    fn chained_convolutions(
        seed in 1_u64..u64::MAX,
        height in 50_usize..80,
        width in 50_usize..80,
        blocks in 1_usize..4,
    ) {
        let graph = bottlenecks(&mut Noise(seed), seed, height, width, blocks);
        assert_plans_match_graph(&graph, &mut Noise(seed));
    }

    #[test]
    fn quantized_plans_are_near_f32(
        seed in 1_u64..u64::MAX,
        height in 5_usize..60,
        width in 5_usize..60,
        blocks in 1_usize..4,
    ) {
        assert_quantized_plans_are_near_f32(seed, height, width, blocks);
    }
}

/// Asserts that plans with bytes compute nearly the same as the graph.
///
/// With the observed ranges no value saturates. A step of a byte is 1/255 of a range, so the errors of a few layers stay
/// far below a tenth of the largest value, and their mean below a hundredth. The ranges that the calibrator chooses may
/// cut off rare large values, of which its pixels may have none, so that single errors have no such bound; their mean has
/// the same one. Apart from the rounding of the f32 parts, every instruction set computes the same.
fn assert_quantized_plans_are_near_f32(seed: u64, height: usize, width: usize, blocks: usize) {
    let mut noise = Noise(seed);
    let graph = bottlenecks(&mut noise, seed, height, width, blocks);
    let input = noise.numbers(graph.input_shape().len(), 1.0);
    let expected = &graph.evaluate(&input)[0];
    let top = expected.iter().fold(0.0_f32, |top, x| top.max(x.abs()));
    // Without a gain by bytes, the calibrator returns the observed ranges.
    for (calibrated_for, largest) in [(Isa::PORTABLE, 0.1), (Isa::preferred(), f32::INFINITY)] {
        let mut calibrator = RangeCalibrator::new(&graph, calibrated_for).expect("convolutions to watch");
        calibrator.input().copy_from_slice(&input);
        calibrator.observe();
        let found = calibrator.ranges().expect("plans of parts of the graph");
        let ranges = ActivationRanges::from_text(&found.to_text("a test")).expect("written ranges are read");
        assert_eq!(ranges, found);
        // The last convolution of a small graph may have one pixel, for which bytes gain nothing.
        let pixels = graph.outputs().map(|(value, _)| graph.shape(value).pixels()).sum::<usize>();
        assert_eq!(ranges.len(), 2 * blocks - usize::from(pixels == 1));
        for isa in Isa::available() {
            let plan = Plan::quantized(&graph, *isa, &ranges).expect("ranges of this graph");
            let exact = Plan::new(&graph, *isa).expect("a plan");
            assert_eq!(plan.weight_bytes() < exact.weight_bytes(), isa.multiplies_bytes());
            let mut session = plan.session();
            session.input().copy_from_slice(&input);
            session.run();
            let errors = session.output(0).iter().zip(expected).map(|(a, b)| (a - b).abs() / top);
            let (worst, sum) = errors.fold((0.0_f32, 0.0), |(worst, sum), e| (worst.max(e), sum + e));
            let mean = sum / expected.len() as f32;
            assert!(worst < largest && mean < 0.01, "{isa:?}: worst {worst}, mean {mean}");
            assert!(worst > 1e-6 || !isa.multiplies_bytes(), "{isa:?}: nothing was rounded");
        }
    }
}

/// The calibrator cuts off the values of one pixel of this network, which is not among those that it keeps. An output
/// there differs by 0.113 of the largest value. With the observed ranges it differs by 0.013 at most.
#[test]
fn a_pixel_beyond_its_ranges_leaves_the_mean_near_f32() {
    assert_quantized_plans_are_near_f32(10_519_315_051_370_409_124, 44, 23, 3);
}

/// One element of the input is NaN. The outputs that depend on it must be NaN, whatever follows the convolution, and no
/// others.
#[test]
fn nan_spreads_to_dependent_outputs_only() {
    const CHANNELS: usize = 20;
    const SIDE: usize = 14;
    let mut noise = Noise(11);
    // The groups, the window, whether it is transposed, and its name in the plan.
    let kinds = [
        (1, Window::square(1, 1, 0), false, "pointwise"),
        (1, Window::square(3, 2, 1), false, "window"),
        (1, Window { dilation: (2, 2), ..Window::square(3, 1, 2) }, false, "patches"),
        (1, Window::square(3, 1, 1), false, "winograd"),
        (2, Window::square(3, 1, 1), false, "window"),
        (CHANNELS, Window::square(3, 1, 1), false, "depthwise"),
        (CHANNELS, Window::square(5, 2, 2), false, "depthwise"),
        (1, Window::square(3, 2, 1), true, "conv_transpose"),
    ];
    let endings = [
        None,
        Some(Unary::Relu),
        Some(Unary::Clip(-0.5, 0.75)),
        Some(Unary::Leaky(0.1)),
        Some(Unary::Prelu(noise.numbers(CHANNELS, 0.5))),
    ];
    for (groups, window, transposed, name) in kinds {
        for (ending, residual) in endings.iter().flat_map(|e| [(e, false), (e, true)]) {
            let (mut graph, x) = Graph::new(Shape::new(CHANNELS, SIDE, SIDE)).expect("an input");
            let taps = window.kernel.0 * window.kernel.1;
            let weights = noise.numbers(CHANNELS * CHANNELS / groups * taps, 0.2);
            let bias = noise.numbers(CHANNELS, 0.5);
            let conv = Conv { channels: CHANNELS, groups, window, weights, bias };
            let y = if transposed { graph.conv_transpose(x, conv, (0, 0)) } else { graph.conv(x, conv) };
            let mut y = y.expect("a convolution");
            if let Some(ending) = ending {
                y = graph.unary(y, ending.clone()).expect("an ending");
            }
            if residual && graph.shape(y) == graph.shape(x) {
                y = graph.binary(Binary::Add, x, y).expect("one shape");
                y = graph.unary(y, Unary::Clip(-0.5, 0.75)).expect("bounds");
            }
            graph.output(y, TensorLayout::Nchw);
            let plan = format!("{:?}", Plan::new(&graph, Isa::PORTABLE).expect("a plan"));
            assert!(plan.contains(name), "{name}; {plan}");

            let shape = graph.shape(y);
            let mut input = noise.numbers(graph.input_shape().len(), 1.0);
            input[(3 * SIDE + 5) * SIDE + 6] = f32::NAN;
            let mut expected = graph.evaluate(&input);
            let none = expected[0].iter().filter(|x| x.is_nan()).count();
            assert!(none > 0 && none < expected[0].len() / 2, "{none} of {}; {plan}", expected[0].len());
            if name == "winograd" {
                // Tiles of four by four.
                let tile = |i: usize| {
                    let c = i / shape.pixels();
                    let y = i / shape.width % shape.height;
                    let x = i % shape.width;
                    (c, y / 4, x / 4)
                };
                let numbers = 0..expected[0].len();
                let none: Vec<_> = numbers.filter(|i| expected[0][*i].is_nan()).map(tile).collect();
                let numbers = expected[0].iter_mut().enumerate();
                numbers.filter(|(i, _)| none.contains(&tile(*i))).for_each(|(_, x)| *x = f32::NAN);
            }
            assert_plans_compute(&graph, &input, &expected);
        }
    }
}

/// The channels differ by a factor of a thousand, as after depthwise convolutions, and the inputs are never near 0. One
/// range for all channels, or weights that are always rounded in the same direction, would fail.
#[test]
fn quantized_plans_are_near_f32_if_channels_differ() {
    const CHANNELS: usize = 32;
    let mut noise = Noise(5);
    let (mut graph, x) = Graph::new(Shape::new(CHANNELS, 24, 24)).expect("an input");
    let size = |c: usize| 1000.0_f32.powf(-(c as f32) / CHANNELS as f32);
    let weights = noise.numbers(CHANNELS * CHANNELS, 1.0);
    let weights = weights.iter().enumerate().map(|(i, w)| w / size(i % CHANNELS)).collect();
    let window = Window::square(1, 1, 0);
    let y = graph.conv(x, Conv { channels: CHANNELS, groups: 1, window, weights, bias: vec![] });
    graph.output(y.expect("a convolution"), TensorLayout::Nhwc);
    let mut item = || -> Vec<f32> {
        let numbers = noise.numbers(graph.input_shape().len(), 1.0);
        let pixels = graph.input_shape().pixels();
        numbers.iter().enumerate().map(|(i, x)| (x + 1.5) * size(i / pixels)).collect()
    };
    for isa in Isa::available().iter().filter(|isa| isa.multiplies_bytes()) {
        let mut calibrator = RangeCalibrator::new(&graph, *isa).expect("a convolution to watch");
        for _ in 0..4 {
            calibrator.input().copy_from_slice(&item());
            calibrator.observe();
        }
        let ranges = calibrator.ranges().expect("ranges");
        let input = item();
        let expected = &graph.evaluate(&input)[0];
        let mut session = Plan::quantized(&graph, *isa, &ranges).expect("a plan").session();
        session.input().copy_from_slice(&input);
        session.run();
        let errors: Vec<f32> = session.output(0).iter().zip(expected).map(|(a, b)| a - b).collect();
        let spread = |numbers: &[f32]| {
            let mean = numbers.iter().sum::<f32>() / numbers.len() as f32;
            (mean, (numbers.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / numbers.len() as f32).sqrt())
        };
        let (mean, error) = spread(&errors);
        let (_, all) = spread(expected);
        assert!(error < 0.02 * all && mean.abs() < 0.002 * all, "{isa:?}: {mean} and {error} of {all}");
        assert!(error > 1e-5 * all, "{isa:?}: nothing was rounded");
    }
}

#[test]
fn a_new_calibrator_has_no_ranges() {
    let graph = bottlenecks(&mut Noise(1), 1, 20, 20, 2);
    let calibrator = RangeCalibrator::new(&graph, Isa::PORTABLE).expect("convolutions to watch");
    assert!(calibrator.ranges().expect("no ranges").is_empty(), "nothing was observed yet");
}

/// Returns a calibrator of a graph that has observed an input of zeros.
fn observed(graph: &Graph) -> RangeCalibrator {
    let mut calibrator = RangeCalibrator::new(graph, Isa::PORTABLE).expect("convolutions to watch");
    calibrator.observe();
    calibrator
}

#[test]
fn ranges_of_another_graph_are_rejected() {
    let ranges = observed(&bottlenecks(&mut Noise(1), 1, 20, 20, 2)).ranges().expect("ranges");
    let (mut other, input) = Graph::new(Shape::new(3, 20, 20)).expect("an input");
    other.output(input, TensorLayout::Nchw);
    assert!(matches!(Plan::quantized(&other, Isa::PORTABLE, &ranges), Err(GraphError::Ranges { .. })));
}

#[test]
fn ranges_apply_to_every_input_size() {
    let mut calibrator = observed(&bottlenecks(&mut Noise(1), 1, 20, 20, 2));
    let ranges = calibrator.ranges().expect("ranges");
    let larger = bottlenecks(&mut Noise(1), 1, 40, 30, 2);
    Plan::quantized(&larger, Isa::PORTABLE, &ranges).expect("ranges are good for every size");
    let larger = RangeCalibrator::new(&larger, Isa::PORTABLE).expect("convolutions to watch");
    calibrator.include(larger).expect("another size");
}

#[test]
fn a_calibrator_of_another_network_is_rejected() {
    let mut calibrator = observed(&bottlenecks(&mut Noise(1), 1, 20, 20, 2));
    let larger = bottlenecks(&mut Noise(1), 1, 40, 30, 2);
    let larger = RangeCalibrator::new(&larger, Isa::PORTABLE).expect("convolutions to watch");
    calibrator.include(larger).expect("another size");
    let other = RangeCalibrator::new(&bottlenecks(&mut Noise(1), 1, 20, 20, 1), Isa::PORTABLE);
    let error = calibrator.include(other.expect("convolutions to watch"));
    assert!(matches!(error, Err(GraphError::Ranges { .. })), "{error:?}");
}

#[test]
fn invalid_range_texts_are_rejected() {
    // Four inputs and one output: lowest values, highest values, shift.
    let good = "passerby-cnn ranges 2\n0 4 1 -1 -1 0 0 1 1 1 1 0.5";
    assert_eq!(ActivationRanges::from_text(good).expect("ranges").len(), 1);
    for text in [
        "",
        "ranges",
        "passerby-cnn ranges 1\n0 4 1 -1 -1 0 0 1 1 1 1 0.5",
        "passerby-cnn ranges 2\n1 2 3",
        "passerby-cnn ranges 2\n0 4 1 -1 -1 0 0 1 1 1 1",
        "passerby-cnn ranges 2\n0 4 1 -1 -1 0 0 1 1 1 1 0.5 0.5",
        "passerby-cnn ranges 2\n0 4 1 -1 -1 2 0 1 1 1 1 0.5",
        "passerby-cnn ranges 2\n0 4 1 -3e38 -1 0 0 3e38 1 1 1 0.5",
        "passerby-cnn ranges 2\n0 4 1 -1 -1 0 0 inf 1 1 1 0.5",
        "passerby-cnn ranges 2\n0 4 1 -1 -1 0 0 1 1 1 1 NaN",
        "passerby-cnn ranges 2\n0 18446744073709551615 1 0",
    ] {
        assert!(ActivationRanges::from_text(text).is_err(), "{text}");
    }
    let error =
        ActivationRanges::from_text("passerby-cnn ranges 2\n# of a test\n0 4 16 x 1").expect_err("no range");
    assert_eq!(error.line, 3);
}

#[test]
fn excessive_sizes_are_rejected() {
    let (mut graph, x) = Graph::new(Shape::new(2, 4, 4)).expect("an input");
    assert!(Graph::new(Shape::new(usize::MAX, 2, 2)).is_err());
    assert!(Graph::new(Shape::new(0, 2, 2)).is_err());
    let huge = [
        Window { kernel: (usize::MAX, 1), ..Window::square(1, 1, 0) },
        Window { dilation: (usize::MAX, usize::MAX), ..Window::square(3, 1, 1) },
        Window { stride: (usize::MAX, 1), ..Window::square(1, 1, 0) },
        Window::square(3, 1, usize::MAX),
        Window::square(3, 1, 1 << 20),
        Window::square(3, 1, 300),
        Window::square(0, 1, 0),
    ];
    for window in huge {
        let conv = Conv { channels: 1, groups: 1, window, weights: vec![], bias: vec![] };
        assert!(graph.conv(x, conv.clone()).is_err(), "{window:?}");
        assert!(graph.conv_transpose(x, conv, (0, 0)).is_err(), "{window:?}");
        assert!(graph.pool(x, Pooling::Max, window).is_err(), "{window:?}");
    }
    let channels = usize::MAX;
    let many = Conv { channels, groups: 1, window: Window::square(1, 1, 0), weights: vec![], bias: vec![] };
    assert!(graph.conv(x, many.clone()).is_err() && graph.conv_transpose(x, many, (0, 0)).is_err());
    let one =
        Conv { channels: 1, groups: 1, window: Window::square(1, 1, 0), weights: vec![1.0; 2], bias: vec![] };
    assert!(graph.conv_transpose(x, one, (usize::MAX, 0)).is_err());
    assert!(graph.pad(x, Pads::all(usize::MAX), 0, 0.0).is_err());
    assert!(graph.pad(x, Pads { right: 257, ..Pads::NONE }, 0, 0.0).is_err());
    assert!(graph.clone().pad(x, Pads { right: 256, ..Pads::NONE }, 0, 0.0).is_ok());
    assert!(graph.pad(x, Pads::NONE, usize::MAX, 0.0).is_err());
    assert!(graph.resize(x, (usize::MAX, 2), Interpolation::Nearest, CoordinateMode::HalfPixel).is_err());
    assert!(graph.slice_channels(x, 1..1).is_err() && graph.slice_channels(x, 0..usize::MAX).is_err());
    assert!(graph.rows(x, 0).is_err() && graph.concat(&[]).is_err() && graph.stack(&[]).is_err());
    assert_eq!(Plan::new(&graph, Isa::PORTABLE).err(), Some(GraphError::NoOutput));
}

#[test]
fn too_many_taps_a_pixel_are_rejected() {
    let (mut graph, x) = Graph::new(Shape::new(2, 8, 8)).expect("an input");
    let conv = Conv {
        channels: 2,
        groups: 1,
        window: Window::square(9, 1, 4),
        weights: vec![1.0; 324],
        bias: vec![],
    };
    let y = graph.conv_transpose(x, conv, (0, 0)).expect("a map");
    graph.output(y, TensorLayout::Nchw);
    assert!(matches!(
        Plan::new(&graph, Isa::PORTABLE),
        Err(GraphError::Setting { op: "conv_transpose", .. })
    ));
}

#[test]
#[should_panic(expected = "a value of another graph")]
fn an_output_of_another_graph_panics() {
    let (mut other, x) = Graph::new(Shape::new(2, 8, 8)).expect("an input");
    let (mut graph, _) = Graph::new(Shape::new(2, 8, 8)).expect("an input");
    let y = other.unary(x, Unary::Relu).expect("a function");
    graph.output(y, TensorLayout::Nchw);
}

#[test]
fn a_stride_beyond_the_output_is_cheap() {
    let (mut graph, x) = Graph::new(Shape::new(5, 1, 1)).expect("an input");
    let window = Window { stride: (1 << 19, 1 << 19), ..Window::square(2, 1, 0) };
    let conv = Conv { channels: 3, groups: 1, window, weights: vec![0.5; 5 * 3 * 4], bias: vec![] };
    let y = graph.conv_transpose(x, conv, (0, 0)).expect("a map of two by two");
    graph.output(y, TensorLayout::Nchw);
    assert_plans_match_graph(&graph, &mut Noise(7));
}
