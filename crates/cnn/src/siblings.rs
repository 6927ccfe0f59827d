//! Heads of a network that read the same map run as one.
//!
//! A head is a pointwise convolution to a few channels, followed by a depthwise one. Each wastes most of a vector and reads the
//! whole map again. Together they fill the vectors and read the map once. Each channel is computed as before.

use crate::conv::strategy::suits_bytes;
use crate::graph::Op;
use crate::layer::Layer;
use crate::op::{Conv, Shape};

/// The number of channels up to which heads run together.
const MAX_CHANNELS: usize = 32;

/// The layers of one head.
#[derive(Clone, Copy)]
struct Head {
    pointwise: usize,
    depthwise: usize,
}

/// Joins the heads that read the same map, and returns the new layers and outputs.
pub(crate) fn join_heads(layers: Vec<Layer>, outputs: Vec<usize>) -> (Vec<Layer>, Vec<usize>) {
    let groups = groups(&layers);
    if groups.is_empty() {
        return (layers, outputs);
    }
    let mut joined = Vec::with_capacity(layers.len() + 2 * groups.len());
    // The new index of each old layer. The layers of heads get theirs with their group.
    let mut place = vec![usize::MAX; layers.len()];
    for (at, layer) in layers.iter().enumerate() {
        if let Some(group) = groups.iter().find(|group| group[0].depthwise == at) {
            add_group(&layers, group, &mut joined, &mut place);
        }
        let in_group = |head: &Head| head.pointwise == at || head.depthwise == at;
        if groups.iter().flatten().any(in_group) {
            continue;
        }
        place[at] = joined.len();
        let inputs = layer.inputs.iter().map(|input| place[*input]).collect();
        joined.push(Layer { inputs, ..layer.clone() });
    }
    let outputs = outputs.into_iter().map(|output| place[output]).collect();
    (joined, outputs)
}

/// Returns the groups of heads that run together, each in the order of the layers.
fn groups(layers: &[Layer]) -> Vec<Vec<Head>> {
    let mut groups: Vec<Vec<Head>> = Vec::new();
    for (at, layer) in layers.iter().enumerate() {
        let Some(head) = head(layers, at) else { continue };
        let source = layers[head.pointwise].source();
        let same = |group: &&mut Vec<Head>| {
            let first = group[0];
            let channels: usize = group.iter().map(|head| layers[head.depthwise].shape.channels).sum();
            layers[first.pointwise].source() == source
                && channels + layer.shape.channels <= MAX_CHANNELS
                && window(layers, first) == window(layers, head)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(head),
            None => groups.push(vec![head]),
        }
    }
    groups.retain(|group| group.len() > 1);
    groups
}

fn window(layers: &[Layer], head: Head) -> Option<crate::op::Window> {
    conv(&layers[head.depthwise]).map(|conv| conv.window)
}

fn conv(layer: &Layer) -> Option<&Conv> {
    match &layer.op {
        Op::Conv(conv) => Some(conv),
        _ => None,
    }
}

/// Returns the head that ends with this layer. Its layers have neither a function nor a residual.
fn head(layers: &[Layer], depthwise: usize) -> Option<Head> {
    let plain = |at: usize| {
        let layer = &layers[at];
        let is_bare = layer.uses > 0 && layer.activation.is_none() && !layer.residual;
        conv(layer).filter(|_| is_bare)
    };
    let last = plain(depthwise)?;
    let pointwise = layers[depthwise].source()?;
    let first = plain(pointwise)?;
    let channels = layers[pointwise].shape.channels;
    // A convolution that may multiply bytes has ranges of its own.
    let is_head = first.is_pointwise()
        && !suits_bytes(first)
        && first.groups == 1
        && layers[pointwise].uses == 1
        && channels < MAX_CHANNELS
        && last.channels == channels
        && last.groups == channels
        && !last.is_pointwise();
    is_head.then_some(Head { pointwise, depthwise })
}

/// Adds the layers of a group: both convolutions, and the part of each head.
fn add_group(layers: &[Layer], group: &[Head], joined: &mut Vec<Layer>, place: &mut [usize]) {
    let Some(source) = layers[group[0].pointwise].source() else { return };
    let mut source = place[source];
    for of in [|head: &Head| head.pointwise, |head: &Head| head.depthwise] {
        let parts: Vec<&Layer> = group.iter().map(|head| &layers[of(head)]).collect();
        let channels = parts.iter().map(|part| part.shape.channels).sum();
        joined.push(Layer {
            op: Op::Conv(together(&parts, channels)),
            inputs: vec![source],
            shape: Shape { channels, ..parts[0].shape },
            convolution: None,
            uses: 1,
            ..parts[0].clone()
        });
        source = joined.len() - 1;
    }
    joined[source].uses = group.len();
    let mut first = 0;
    for head in group {
        let layer = &layers[head.depthwise];
        place[head.depthwise] = joined.len();
        joined.push(Layer {
            op: Op::SliceChannels(first),
            inputs: vec![source],
            convolution: None,
            ..layer.clone()
        });
        first += layer.shape.channels;
    }
}

/// Returns one convolution with the output channels of all.
fn together(parts: &[&Layer], channels: usize) -> Conv {
    let convs: Vec<&Conv> = parts.iter().filter_map(|part| conv(part)).collect();
    let first = convs[0];
    let groups = if first.groups == 1 && first.is_pointwise() { 1 } else { channels };
    Conv {
        channels,
        groups,
        window: first.window,
        weights: convs.iter().flat_map(|conv| conv.weights.iter().copied()).collect(),
        bias: convs.iter().flat_map(|conv| conv.bias(0..conv.channels)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::layer::fuse;
    use crate::op::{TensorLayout, Unary, Window};

    /// Adds a head with weights that follow from `seed`.
    fn add_head(
        graph: &mut Graph,
        x: crate::graph::Value,
        channels: usize,
        seed: usize,
    ) -> crate::graph::Value {
        let numbers = |n: usize| (0..n).map(|i| ((i * 7 + seed * 5) % 13) as f32 - 6.0).collect::<Vec<_>>();
        let inputs = graph.shape(x).channels;
        let conv = Conv {
            channels,
            groups: 1,
            window: Window::square(1, 1, 0),
            weights: numbers(channels * inputs),
            bias: numbers(channels),
        };
        let y = graph.conv(x, conv).unwrap();
        let conv = Conv {
            channels,
            groups: channels,
            window: Window::square(3, 1, 1),
            weights: numbers(channels * 9),
            bias: numbers(channels),
        };
        graph.conv(y, conv).unwrap()
    }

    fn joined(graph: &Graph) -> (Vec<Layer>, Vec<usize>) {
        let (layers, outputs) = fuse(graph);
        join_heads(layers, outputs)
    }

    #[test]
    fn equal_heads_are_joined() {
        let heads = [1, 4, 1, 10];
        let (mut graph, x) = Graph::new(Shape::new(8, 6, 12)).unwrap();
        for (seed, channels) in heads.into_iter().enumerate() {
            let y = add_head(&mut graph, x, channels, seed);
            graph.output(y, TensorLayout::Nhwc);
        }
        let (layers, outputs) = joined(&graph);
        assert_eq!((layers.len(), outputs.len()), (1 + 2 + heads.len(), heads.len()));
    }

    #[test]
    fn heads_that_differ_stay_apart() {
        let (mut graph, x) = Graph::new(Shape::new(8, 6, 12)).unwrap();
        let other = graph.unary(x, Unary::Relu).unwrap();
        let ends = [
            add_head(&mut graph, x, 2, 0),
            add_head(&mut graph, other, 2, 1),
            add_head(&mut graph, x, 31, 2),
        ];
        ends.into_iter().for_each(|y| graph.output(y, TensorLayout::Nhwc));
        assert_eq!(joined(&graph).0.len(), 1 + 1 + 2 * ends.len(), "another map, and too many channels");
    }
}
