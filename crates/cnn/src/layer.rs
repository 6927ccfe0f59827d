//! A graph with what belongs together put together: functions and sums join the convolution before them.

use crate::graph::{Graph, Op};
use crate::op::{Binary, Conv, Shape, Unary, of_channel};

/// One operator with what was joined to it. Inputs are indices of earlier layers; the last input is the residual where
/// [`Layer::residual`] says so.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) op: Op,
    pub(crate) inputs: Vec<usize>,
    pub(crate) shape: Shape,
    /// A function of the convolution's outputs.
    pub(crate) before: Option<Unary>,
    /// Whether the last input is added to them then.
    pub(crate) residual: bool,
    /// A function of the sum: nothing, ReLU or bounds.
    pub(crate) after: Option<Unary>,
    /// Which convolution of the graph it is, counted from 0 in the order in which they were added.
    pub(crate) convolution: Option<usize>,
    /// How many layers and outputs read what it gives. None: it is dead.
    pub(crate) uses: usize,
}

impl Layer {
    /// The layer whose map it works on.
    pub(crate) fn source(&self) -> Option<usize> {
        self.inputs.first().copied()
    }

    /// The layer that is added to what it gives.
    pub(crate) fn residual(&self) -> Option<usize> {
        if self.residual { self.inputs.last().copied() } else { None }
    }

    fn is_conv(&self) -> bool {
        matches!(self.op, Op::Conv(_) | Op::Deconv(_))
    }

    /// Whether it is a convolution to which nothing was joined yet.
    fn is_bare_conv(&self) -> bool {
        self.is_conv() && self.before.is_none() && !self.residual
    }

    fn conv_mut(&mut self) -> Option<&mut Conv> {
        match &mut self.op {
            Op::Conv(conv) | Op::Deconv(conv) => Some(conv),
            _ => None,
        }
    }

    /// Multiplies the outputs by `scale` and adds `shift`, both one number or one a channel.
    fn fold(&mut self, scale: &[f32], shift: &[f32]) {
        let transposed = matches!(self.op, Op::Deconv(_));
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

/// The layers of a graph, in an order in which each reads earlier ones, and for each output of the graph its layer.
pub(crate) fn layers(graph: &Graph) -> (Vec<Layer>, Vec<usize>) {
    let mut uses = vec![0; graph.nodes.len()];
    let read = graph.nodes.iter().flat_map(|node| &node.inputs);
    read.chain(graph.outputs.iter().map(|(value, _)| value)).for_each(|value| uses[value.0] += 1);

    let mut joined = Joined { layers: Vec::new(), layer_of: Vec::new() };
    let mut convolutions = 0;
    for (node, uses) in graph.nodes.iter().zip(uses) {
        let inputs: Vec<usize> = node.inputs.iter().map(|v| joined.layer_of[v.0]).collect();
        let at = match joined.join(&node.op, &inputs, uses) {
            Some(at) => at,
            None => {
                let bare = joined.without_pad(&node.op, &inputs);
                let (op, inputs) = bare.unwrap_or_else(|| (node.op.clone(), inputs));
                joined.layers.push(Layer {
                    op,
                    inputs,
                    shape: node.shape,
                    before: None,
                    residual: false,
                    after: None,
                    convolution: None,
                    uses,
                });
                joined.layers.len() - 1
            }
        };
        if matches!(node.op, Op::Conv(_)) {
            joined.layers[at].convolution = Some(convolutions);
            convolutions += 1;
        }
        joined.layer_of.push(at);
    }
    let outputs = graph.outputs.iter().map(|(value, _)| joined.layer_of[value.0]).collect();
    (joined.layers, outputs)
}

struct Joined {
    layers: Vec<Layer>,
    /// For each value of the graph so far, the layer that gives it.
    layer_of: Vec<usize>,
}

impl Joined {
    /// Joins an operator to an earlier layer, if it can be, which then has the operator's `uses`.
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
            Unary::Leaky(_) | Unary::Prelu(_) if layer.is_bare_conv() => layer.before = Some(unary.clone()),
            _ if bounds && layer.is_bare_conv() => layer.before = Some(unary.clone()),
            _ if bounds && layer.residual && layer.after.is_none() => layer.after = Some(unary.clone()),
            _ => return None,
        }
        Some(x)
    }

    /// Recognises `s x + t max(x, 0)`, which is how some converters write a PReLU, as slopes of the convolution that gives
    /// x: `s + t` above zero, folded into its weights, and `s` below.
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
        self.layers[x].before = Some(Unary::Prelu(slopes));
        for dead in [below, above, relu] {
            self.layers[dead].uses = 0;
        }
        Some(x)
    }

    /// Adds one value to the convolution that gives the other, the later of both.
    fn join_sum(&mut self, a: usize, b: usize) -> Option<usize> {
        if self.layers[a].shape != self.layers[b].shape {
            return None;
        }
        let (conv, other) = (a.max(b), a.min(b));
        let layer = &mut self.layers[conv];
        if conv == other || !layer.is_conv() || layer.residual || layer.uses != 1 {
            return None;
        }
        layer.inputs.push(other);
        layer.residual = true;
        Some(conv)
    }

    /// A convolution that takes the zeros put around its map into its window, and what it then reads.
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
    use crate::op::{Pads, Window};

    fn conv(channels: usize, inputs: usize) -> Conv {
        let weights = (0..channels * inputs).map(|i| i as f32).collect();
        Conv { channels, groups: 1, window: Window::square(1, 1, 0), weights, bias: vec![] }
    }

    fn alive(graph: &Graph) -> Vec<Layer> {
        layers(graph).0.into_iter().filter(|layer| layer.uses > 0).collect()
    }

    #[test]
    fn a_bottleneck_is_its_convolutions() {
        let (mut graph, x) = Graph::new(Shape::new(2, 4, 4)).unwrap();
        let y = graph.conv(x, conv(2, 2)).unwrap();
        let y = graph.unary(y, Unary::Affine { scale: vec![2.0, 3.0], shift: vec![1.0, -1.0] }).unwrap();
        let y = graph.unary(y, Unary::Relu).unwrap();
        let z = graph.conv(y, conv(2, 2)).unwrap();
        let sum = graph.binary(Binary::Add, y, z).unwrap();
        let end = graph.unary(sum, Unary::Clip(0.0, 6.0)).unwrap();
        graph.output(end, crate::Order::Planar);
        let layers = alive(&graph);
        assert_eq!(layers.len(), 3); // the input and two convolutions
        assert_eq!(layers[1].before, Some(Unary::Relu));
        assert_eq!(layers[1].uses, 2);
        let Op::Conv(first) = &layers[1].op else { panic!("a convolution") };
        assert_eq!((&first.weights[..], &first.bias[..]), (&[0.0, 2.0, 6.0, 9.0][..], &[1.0, -1.0][..]));
        assert_eq!((layers[2].residual(), layers[2].after.clone()), (Some(1), Some(Unary::Clip(0.0, 6.0))));
    }

    #[test]
    fn a_prelu_in_pieces_is_slopes() {
        let (mut graph, x) = Graph::new(Shape::new(1, 2, 2)).unwrap();
        let y = graph.conv(x, conv(2, 1)).unwrap();
        let affine = |scale: [f32; 2]| Unary::Affine { scale: scale.to_vec(), shift: vec![0.0; 2] };
        let positive = graph.unary(y, Unary::Relu).unwrap();
        let above = graph.unary(positive, affine([0.75, 1.5])).unwrap();
        let below = graph.unary(y, affine([0.25, 0.5])).unwrap();
        let sum = graph.binary(Binary::Add, above, below).unwrap();
        graph.output(sum, crate::Order::Planar);
        let layers = alive(&graph);
        assert_eq!(layers.len(), 2);
        assert_eq!(layers[1].before, Some(Unary::Prelu(vec![0.25, 0.25])));
    }

    #[test]
    fn zeros_around_a_map_are_pads_and_others_are_not() {
        for (value, count) in [(0.0, 2), (1.0, 3)] {
            let (mut graph, x) = Graph::new(Shape::new(1, 2, 2)).unwrap();
            let padded = graph.pad(x, Pads { top: 1, ..Pads::NONE }, 0, value).unwrap();
            let y = graph.conv(padded, conv(1, 1)).unwrap();
            graph.output(y, crate::Order::Planar);
            assert_eq!(alive(&graph).len(), count);
        }
    }
}
