//! The layers of a graph: operators fused with the functions and sums that follow them.

use std::ops::Range;

use crate::graph::{Graph, Op};
use crate::isa::Isa;
use crate::kernel::tile::{Epilogue, UNBOUNDED, pad_to_vectors};
use crate::op::{Binary, Conv, Shape, Unary, of_channel};

/// An operator and the operators that were fused with it. Inputs are indices of earlier layers. If [`Layer::residual`]
/// is set, the last input is the residual.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) op: Op,
    pub(crate) inputs: Vec<usize>,
    pub(crate) shape: Shape,
    /// A function of the convolution's outputs.
    pub(crate) activation: Option<Unary>,
    /// If true, the last input is added after that function.
    pub(crate) residual: bool,
    /// A function of the sum: none, ReLU or bounds.
    pub(crate) sum_activation: Option<Unary>,
    /// The index of the convolution in the graph, in the order in which convolutions were added.
    pub(crate) convolution: Option<usize>,
    /// The number of layers and outputs that read the result. A layer with 0 is dead.
    pub(crate) uses: usize,
}

impl Layer {
    /// Returns the layer whose map this layer reads.
    pub(crate) fn source(&self) -> Option<usize> {
        self.inputs.first().copied()
    }

    /// Returns the layer that is added to the result.
    pub(crate) fn residual(&self) -> Option<usize> {
        if self.residual { self.inputs.last().copied() } else { None }
    }

    /// Returns the epilogue of these output channels.
    pub(crate) fn epilogue(&self, isa: Isa, channels: Range<usize>) -> Epilogue {
        let bounds = |unary: &Option<Unary>| match unary {
            Some(Unary::Relu) => (0.0, f32::INFINITY),
            Some(Unary::Clip(low, high)) => (*low, *high),
            _ => UNBOUNDED,
        };
        let slopes = match &self.activation {
            Some(Unary::Leaky(slope)) => Some(vec![*slope; channels.len()]),
            Some(Unary::Prelu(slopes)) => Some(slopes[channels].to_vec()),
            _ => None,
        };
        Epilogue {
            before: bounds(&self.activation),
            slopes: slopes.map(|slopes| pad_to_vectors(isa, &slopes)),
            after: bounds(&self.sum_activation),
        }
    }

    fn is_conv(&self) -> bool {
        matches!(self.op, Op::Conv(_) | Op::ConvTranspose(_))
    }

    /// Returns true for a convolution with which nothing has been fused yet.
    fn is_bare_conv(&self) -> bool {
        self.is_conv() && self.activation.is_none() && !self.residual
    }

    fn conv_mut(&mut self) -> Option<&mut Conv> {
        match &mut self.op {
            Op::Conv(conv) | Op::ConvTranspose(conv) => Some(conv),
            _ => None,
        }
    }

    /// Multiplies the outputs by `scale` and adds `shift`. Each list has one value, or one value for each channel.
    fn fold(&mut self, scale: &[f32], shift: &[f32]) {
        let transposed = matches!(self.op, Op::ConvTranspose(_));
        let Some(conv) = self.conv_mut() else { return };
        let channels = conv.channels;
        conv.bias.resize(channels, 0.0);
        for (c, bias) in conv.bias.iter_mut().enumerate() {
            *bias = *bias * of_channel(scale, c) + of_channel(shift, c);
        }
        let taps = conv.window.kernel.0 * conv.window.kernel.1;
        let run = if transposed { taps } else { conv.weights.len() / channels };
        for (i, weights) in conv.weights.chunks_exact_mut(run).enumerate() {
            let scale = of_channel(scale, i % channels);
            weights.iter_mut().for_each(|w| *w *= scale);
        }
    }
}

/// Returns the layers of a graph and, for each output of the graph, the index of its layer. Each layer reads earlier
/// layers only.
pub(crate) fn fuse(graph: &Graph) -> (Vec<Layer>, Vec<usize>) {
    let mut uses = vec![0; graph.nodes.len()];
    let read = graph.nodes.iter().flat_map(|node| &node.inputs);
    read.chain(graph.outputs.iter().map(|(value, _)| value)).for_each(|value| uses[value.0] += 1);

    let mut fuser = Fuser { layers: Vec::new(), layer_of: Vec::new() };
    let mut convolutions = 0;
    for (node, uses) in graph.nodes.iter().zip(uses) {
        let inputs: Vec<usize> = node.inputs.iter().map(|v| fuser.layer_of[v.0]).collect();
        let at = match fuser.join(&node.op, &inputs, uses) {
            Some(at) => at,
            None => {
                let bare = fuser.without_pad(&node.op, &inputs);
                let (op, inputs) = bare.unwrap_or_else(|| (node.op.clone(), inputs));
                fuser.layers.push(Layer {
                    op,
                    inputs,
                    shape: node.shape,
                    activation: None,
                    residual: false,
                    sum_activation: None,
                    convolution: None,
                    uses,
                });
                fuser.layers.len() - 1
            }
        };
        if matches!(node.op, Op::Conv(_)) {
            fuser.layers[at].convolution = Some(convolutions);
            convolutions += 1;
        }
        fuser.layer_of.push(at);
    }
    let outputs = graph.outputs.iter().map(|(value, _)| fuser.layer_of[value.0]).collect();
    (fuser.layers, outputs)
}

struct Fuser {
    layers: Vec<Layer>,
    /// The layer of each value of the graph up to now.
    layer_of: Vec<usize>,
}

impl Fuser {
    /// Fuses an operator with an earlier layer and gives that layer the operator's `uses`. Returns the layer, or `None`
    /// if they cannot be fused.
    fn join(&mut self, op: &Op, inputs: &[usize], uses: usize) -> Option<usize> {
        let at = match (op, inputs) {
            (Op::Unary(unary), &[x]) => self.join_unary(unary, x)?,
            (Op::Binary(Binary::Add), &[a, b]) => {
                self.join_slopes(a, b).or_else(|| self.join_slopes(b, a)).or_else(|| self.join_sum(a, b))?
            }
            _ => return None,
        };
        self.layers[at].uses = uses;
        Some(at)
    }

    fn join_unary(&mut self, unary: &Unary, x: usize) -> Option<usize> {
        let layer = &mut self.layers[x];
        if layer.uses != 1 || !layer.is_conv() {
            return None;
        }
        let bounds = matches!(unary, Unary::Relu | Unary::Clip(..));
        match unary {
            Unary::Affine { scale, shift } if layer.is_bare_conv() => layer.fold(scale, shift),
            Unary::Leaky(_) | Unary::Prelu(_) if layer.is_bare_conv() => {
                layer.activation = Some(unary.clone());
            }
            _ if bounds && layer.is_bare_conv() => layer.activation = Some(unary.clone()),
            _ if bounds && layer.residual && layer.sum_activation.is_none() => {
                layer.sum_activation = Some(unary.clone());
            }
            _ => return None,
        }
        Some(x)
    }

    /// Recognises `s x + t max(x, 0)`, as which some converters write a PReLU, and turns it into slopes of the
    /// convolution that computes x: `s + t` above zero, which is folded into the weights, and `s` below.
    fn join_slopes(&mut self, below: usize, above: usize) -> Option<usize> {
        let scaled = |layer: &Layer| match &layer.op {
            Op::Unary(Unary::Affine { scale, shift })
                if layer.uses == 1 && shift.iter().all(|s| *s == 0.0) =>
            {
                Some((scale.clone(), layer.source()?))
            }
            _ => None,
        };
        let (s, x) = scaled(&self.layers[below])?;
        let (t, relu) = scaled(&self.layers[above])?;
        let positive = &self.layers[relu];
        if !matches!(positive.op, Op::Unary(Unary::Relu))
            || positive.uses != 1
            || positive.source() != Some(x)
        {
            return None;
        }
        let layer = &self.layers[x];
        if !layer.is_bare_conv() || layer.uses != 2 {
            return None;
        }
        let channels = 0..layer.shape.channels;
        let up: Vec<f32> = channels.clone().map(|c| of_channel(&s, c) + of_channel(&t, c)).collect();
        if !up.iter().all(|slope| *slope > f32::MIN_POSITIVE) {
            return None;
        }
        let slopes = channels.map(|c| of_channel(&s, c) / up[c]).collect();
        self.layers[x].fold(&up, &[0.0]);
        self.layers[x].activation = Some(Unary::Prelu(slopes));
        for dead in [below, above, relu] {
            self.layers[dead].uses = 0;
        }
        Some(x)
    }

    /// Fuses a sum with the later of the two convolutions that compute its operands.
    fn join_sum(&mut self, a: usize, b: usize) -> Option<usize> {
        if self.layers[a].shape != self.layers[b].shape {
            return None;
        }
        let conv = a.max(b);
        let other = a.min(b);
        let layer = &mut self.layers[conv];
        if conv == other || !layer.is_conv() || layer.residual || layer.uses != 1 {
            return None;
        }
        layer.inputs.push(other);
        layer.residual = true;
        Some(conv)
    }

    /// Returns a convolution that has absorbed the zeros around its map into its window, and the input it then reads.
    fn without_pad(&mut self, op: &Op, inputs: &[usize]) -> Option<(Op, Vec<usize>)> {
        let (Op::Conv(conv), &[x]) = (op, inputs) else { return None };
        let pad = &mut self.layers[x];
        let Op::Pad { pads, channels: 0, value: 0.0 } = pad.op else { return None };
        if pad.uses != 1 {
            return None;
        }
        pad.uses = 0;
        let mut conv = conv.clone();
        let own = &mut conv.window.pads;
        own.top += pads.top;
        own.left += pads.left;
        own.bottom += pads.bottom;
        own.right += pads.right;
        Some((Op::Conv(conv), pad.inputs.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::{Pads, TensorLayout, Window};

    fn conv(channels: usize, inputs: usize) -> Conv {
        let weights = (0..channels * inputs).map(|i| i as f32).collect();
        Conv { channels, groups: 1, window: Window::square(1, 1, 0), weights, bias: vec![] }
    }

    fn alive(graph: &Graph) -> Vec<Layer> {
        fuse(graph).0.into_iter().filter(|layer| layer.uses > 0).collect()
    }

    #[test]
    fn a_bottleneck_becomes_its_convolutions() {
        let (mut graph, x) = Graph::new(Shape::new(2, 4, 4)).unwrap();
        let y = graph.conv(x, conv(2, 2)).unwrap();
        let y = graph.unary(y, Unary::Affine { scale: vec![2.0, 3.0], shift: vec![1.0, -1.0] }).unwrap();
        let y = graph.unary(y, Unary::Relu).unwrap();
        let z = graph.conv(y, conv(2, 2)).unwrap();
        let sum = graph.binary(Binary::Add, y, z).unwrap();
        let end = graph.unary(sum, Unary::Clip(0.0, 6.0)).unwrap();
        graph.output(end, TensorLayout::Nchw);
        let layers = alive(&graph);
        assert_eq!(layers.len(), 3); // the input and two convolutions
        assert_eq!(layers[1].activation, Some(Unary::Relu));
        assert_eq!(layers[1].uses, 2);
        let Op::Conv(first) = &layers[1].op else { panic!("a convolution") };
        assert_eq!((&first.weights[..], &first.bias[..]), (&[0.0, 2.0, 6.0, 9.0][..], &[1.0, -1.0][..]));
        assert_eq!(
            (layers[2].residual(), layers[2].sum_activation.clone()),
            (Some(1), Some(Unary::Clip(0.0, 6.0)))
        );
    }

    #[test]
    fn a_prelu_in_pieces_becomes_slopes() {
        let (mut graph, x) = Graph::new(Shape::new(1, 2, 2)).unwrap();
        let y = graph.conv(x, conv(2, 1)).unwrap();
        let affine = |scale: [f32; 2]| Unary::Affine { scale: scale.to_vec(), shift: vec![0.0; 2] };
        let positive = graph.unary(y, Unary::Relu).unwrap();
        let above = graph.unary(positive, affine([0.75, 1.5])).unwrap();
        let below = graph.unary(y, affine([0.25, 0.5])).unwrap();
        let sum = graph.binary(Binary::Add, above, below).unwrap();
        graph.output(sum, TensorLayout::Nchw);
        let layers = alive(&graph);
        assert_eq!(layers.len(), 2);
        assert_eq!(layers[1].activation, Some(Unary::Prelu(vec![0.25, 0.25])));
    }

    #[test]
    fn only_zero_padding_joins_a_convolution() {
        for (value, count) in [(0.0, 2), (1.0, 3)] {
            let (mut graph, x) = Graph::new(Shape::new(1, 2, 2)).unwrap();
            let pad_to_vectors = graph.pad(x, Pads { top: 1, ..Pads::NONE }, 0, value).unwrap();
            let y = graph.conv(pad_to_vectors, conv(1, 1)).unwrap();
            graph.output(y, TensorLayout::Nchw);
            assert_eq!(alive(&graph).len(), count);
        }
    }
}
