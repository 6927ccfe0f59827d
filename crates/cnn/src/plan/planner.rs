//! The compilation of a graph into steps.

use std::ops::Range;

use crate::conv::chain::build::{link_count, links};
use crate::conv::chain::link::{Link, RowRing};
use crate::conv::chain::{Chain, MAX_LINKS};
use crate::conv::patches::Patches;
use crate::conv::strategy::{Strategy, chains_with_next, reads_planar, strategy};
use crate::conv::transpose::ConvTranspose;
use crate::conv::weights::group_weights;
use crate::conv::winograd::Winograd;
use crate::error::GraphError;
use crate::graph::{Graph, Op};
use crate::isa::Isa;
use crate::layer::{Layer, fuse};
use crate::op::{Conv, Shape, TensorLayout};
use crate::plan::arena::{Arena, BufferId, NOWHERE};
use crate::plan::compiled::{CompiledPlan, PlanOutput};
use crate::plan::step::{SecondInput, Step, Work};
use crate::quantize::ranges::ActivationRanges;
use crate::siblings::join_heads;

/// Compiles a graph. The convolutions that `ranges` names multiply bytes.
///
/// # Errors
/// Returns the errors of [`Plan::new`](crate::Plan::new).
pub(crate) fn compile(
    graph: &Graph,
    isa: Isa,
    ranges: Option<&ActivationRanges>,
) -> Result<CompiledPlan, GraphError> {
    if graph.outputs.is_empty() {
        return Err(GraphError::NoOutput);
    }
    let (layers, outputs) = fuse(graph);
    let (layers, outputs) = join_heads(layers, outputs);
    let mut planner = Planner {
        isa,
        layers: &layers,
        ranges,
        arena: Arena::default(),
        values: vec![None; layers.len()],
        input_as_nhwc: None,
        drafts: Vec::new(),
    };
    let input = planner.arena.add(graph.input_shape().len(), 0);
    planner.values[0] = Some(input);
    planner.add_steps()?;
    let end = planner.drafts.len() + outputs.len();
    let mut drafts = Vec::new();
    for (layer, (value, layout)) in outputs.into_iter().zip(&graph.outputs) {
        drafts.push((graph.shape(*value), *layout, planner.add_output(layer, *layout, end)));
    }
    let (places, memory_len) = planner.arena.place();
    let at = |id: BufferId| places[id.0].clone();
    let steps = planner.drafts.into_iter().map(|draft| draft.placed(at)).collect();
    let outputs =
        drafts.into_iter().map(|(shape, layout, id)| PlanOutput { shape, layout, place: at(id) }).collect();
    Ok(CompiledPlan { isa, input_shape: graph.input_shape(), input: at(input), outputs, steps, memory_len })
}

/// A step whose buffers have no place yet.
struct Draft {
    work: Work,
    input: BufferId,
    second: Option<BufferId>,
    scratch: Option<BufferId>,
    output: BufferId,
}

impl Draft {
    fn placed(self, at: impl Fn(BufferId) -> Range<usize>) -> Step {
        Step {
            work: self.work,
            input: at(self.input),
            second: match self.second {
                None => SecondInput::None,
                Some(second) if second == self.input => SecondInput::Same,
                Some(second) => SecondInput::At(at(second)),
            },
            scratch: self.scratch.map_or(NOWHERE, &at),
            output: at(self.output),
        }
    }
}

struct Planner<'a> {
    isa: Isa,
    layers: &'a [Layer],
    /// The convolutions that multiply bytes.
    ranges: Option<&'a ActivationRanges>,
    arena: Arena,
    /// The buffer of each layer's map. All maps but the input are in NHWC order.
    values: Vec<Option<BufferId>>,
    /// The input in NHWC order, once a layer has asked for it.
    input_as_nhwc: Option<BufferId>,
    drafts: Vec<Draft>,
}

impl Planner<'_> {
    /// Adds the steps of all layers.
    fn add_steps(&mut self) -> Result<(), GraphError> {
        let mut in_chain = vec![false; self.layers.len()];
        for at in 1..self.layers.len() {
            if self.layers[at].uses == 0 || in_chain[at] {
                continue;
            }
            let chain = self.find_chain(at);
            if let Some((&last, _)) = chain.split_last() {
                chain.iter().for_each(|layer| in_chain[*layer] = true);
                self.add_chain(&chain, last);
                continue;
            }
            self.add_layer(at)?;
        }
        Ok(())
    }

    /// Returns the layers that run together from `first` on. The list is empty if `first` does not run row by row.
    fn find_chain(&self, first: usize) -> Vec<usize> {
        let mut chain = Vec::new();
        let mut at = first;
        let mut count = 0;
        loop {
            let layer = &self.layers[at];
            let source = layer.source().unwrap_or(0);
            let planar = self.reads_planar(layer);
            count += link_count(layer, planar);
            let by_rows = strategy(layer, self.layers[source].shape, planar) == Some(Strategy::Rows);
            if !by_rows || count > MAX_LINKS {
                break;
            }
            chain.push(at);
            let Some(next) = self.next_in_chain(at) else { break };
            at = next;
        }
        chain
    }

    /// Returns the layer that is the only reader of `at`, reads it as its map, and gains by running in one chain with
    /// it.
    fn next_in_chain(&self, at: usize) -> Option<usize> {
        let layer = &self.layers[at];
        let next = (at + 1..self.layers.len())
            .find(|i| self.layers[*i].uses > 0 && self.layers[*i].inputs.contains(&at))?;
        let reader = &self.layers[next];
        // The chain adds its residual while it runs, so the residual must be computed before.
        let early = reader.residual().is_none_or(|other| other < at && self.values[other].is_some());
        let only_reader = layer.uses == 1 && reader.source() == Some(at) && reader.residual() != Some(at);
        (only_reader && early && layer.residual().is_none() && chains_with_next(layer)).then_some(next)
    }

    fn add_chain(&mut self, chain: &[usize], last: usize) {
        let first = &self.layers[chain[0]];
        let source = first.source().unwrap_or(0);
        let planar = self.reads_planar(first);
        let from = self.layers[source].shape;
        let mut all: Vec<Link> = Vec::new();
        for layer in chain {
            let layer = &self.layers[*layer];
            let input = self.layers[layer.source().unwrap_or(0)].shape;
            let scales = self.ranges.zip(layer.convolution).and_then(|(ranges, at)| ranges.scales(at));
            all.extend(links(self.isa, layer, input, self.reads_planar(layer), scales.as_deref()));
        }
        let input = if planar { self.value(source) } else { self.nhwc(source) };
        let chain = Chain::new(RowRing::whole(from.height, from.channels * from.width), all);
        let scratch = chain.scratch_len();
        let residual = self.layers[last].residual();
        self.add_step(Work::Chain(chain), input, residual, scratch, last);
    }

    fn add_layer(&mut self, at: usize) -> Result<(), GraphError> {
        let layer = &self.layers[at];
        let to = layer.shape;
        let shapes: Vec<Shape> = layer.inputs.iter().map(|i| self.layers[*i].shape).collect();
        let Some(&first) = layer.inputs.first() else { return Ok(()) };
        let from = shapes[0];
        let mut scratch = 0;
        let work = match &layer.op {
            Op::Input => return Ok(()),
            Op::Rows => {
                // The elements and their order stay the same.
                self.values[at] = Some(self.nhwc(first));
                return Ok(());
            }
            Op::Concat | Op::Stack => {
                self.add_copies(at);
                return Ok(());
            }
            Op::Conv(conv) => {
                let (work, len) = self.whole_map_conv(layer, conv, from);
                scratch = len;
                work
            }
            Op::ConvTranspose(conv) => {
                let epilogue = layer.epilogue(self.isa, 0..to.channels);
                let transpose = ConvTranspose::new(self.isa, conv, from, to, epilogue)?;
                scratch = transpose.scratch_len();
                Work::ConvTranspose(transpose)
            }
            Op::SliceChannels(first) => {
                Work::SliceChannels { channels: from.channels, first: *first, out_channels: to.channels }
            }
            Op::Unary(function) => Work::Unary(function.clone(), to),
            Op::Binary(function) => Work::Binary(*function, [from, shapes[1]], to),
            Op::Pool(pooling, window) => Work::Pool(*pooling, *window, from, to),
            Op::Mean => Work::Mean,
            Op::Sum => Work::Sum(from),
            Op::Softmax => Work::Softmax(from),
            Op::Resize(interpolation, coordinates) => Work::Resize(*interpolation, *coordinates, from, to),
            Op::Pad { pads, value, .. } => Work::Pad(*pads, *value, from, to),
        };
        let second = match layer.op {
            Op::Binary(_) => layer.inputs.get(1).copied(),
            _ => layer.residual(),
        };
        let input = self.nhwc(first);
        self.add_step(work, input, second, scratch, at);
        Ok(())
    }

    /// Returns a convolution that does not run row by row, and the length of its scratch memory.
    fn whole_map_conv(&self, layer: &Layer, conv: &Conv, from: Shape) -> (Work, usize) {
        let to = layer.shape;
        if strategy(layer, from, false) == Some(Strategy::Winograd) {
            let epilogue = layer.epilogue(self.isa, 0..to.channels);
            let winograd = Winograd::new(self.isa, conv, from, to, epilogue);
            let scratch = winograd.scratch_len();
            return (Work::Winograd(winograd), scratch);
        }
        let groups = group_weights(self.isa, layer, conv, from.channels, false);
        let patches = Patches { input: from, output: to, window: conv.window, groups };
        let scratch = patches.scratch_len();
        (Work::Patches(patches), scratch)
    }

    /// Adds the steps that copy several maps into one.
    fn add_copies(&mut self, at: usize) {
        let layer = &self.layers[at];
        let out_channels = layer.shape.channels;
        let output = self.arena.add(layer.shape.len(), self.drafts.len());
        let mut first = 0;
        for input in &layer.inputs {
            let shape = self.layers[*input].shape;
            let input = self.nhwc(*input);
            let work = if matches!(layer.op, Op::Concat) {
                let channels = shape.channels;
                first += channels;
                Work::CopyChannels { channels, out_channels, first: first - channels }
            } else {
                first += shape.len();
                Work::CopyRows { at: first - shape.len() }
            };
            self.push(Draft { work, input, second: None, scratch: None, output });
        }
        self.values[at] = Some(output);
    }

    /// Adds a step that computes the map of layer `at`.
    fn add_step(
        &mut self,
        work: Work,
        input: BufferId,
        second: Option<usize>,
        scratch_len: usize,
        at: usize,
    ) {
        let second = second.map(|second| self.nhwc(second));
        let step = self.drafts.len();
        let scratch = (scratch_len > 0).then(|| self.arena.add(scratch_len, step));
        let output = self.arena.add(self.layers[at].shape.len(), step);
        self.push(Draft { work, input, second, scratch, output });
        self.values[at] = Some(output);
    }

    fn push(&mut self, draft: Draft) {
        let step = self.drafts.len();
        let used = [Some(draft.input), draft.second, draft.scratch, Some(draft.output)];
        used.into_iter().flatten().for_each(|id| self.arena.keep(id, step));
        self.drafts.push(draft);
    }

    /// Returns the buffer of a layer's map. Each layer reads earlier layers only, so the buffer exists.
    fn value(&self, layer: usize) -> BufferId {
        self.values[layer].unwrap_or_else(|| unreachable!("layer {layer} is read before it is computed"))
    }

    /// Returns the buffer of a layer's map in NHWC order.
    fn nhwc(&mut self, layer: usize) -> BufferId {
        if !self.is_planar(layer) {
            return self.value(layer);
        }
        if let Some(known) = self.input_as_nhwc {
            return known;
        }
        let shape = self.layers[layer].shape;
        let input = self.value(layer);
        let output = self.arena.add(shape.len(), self.drafts.len());
        self.push(Draft { work: Work::ToNhwc(shape), input, second: None, scratch: None, output });
        *self.input_as_nhwc.insert(output)
    }

    /// Returns true if a layer's map is in NCHW order. It is for the input, if the two orders differ.
    fn is_planar(&self, layer: usize) -> bool {
        let shape = self.layers[layer].shape;
        layer == 0 && shape.channels > 1 && shape.pixels() > 1
    }

    /// Returns true if the map of the layer is in NCHW order and the layer reads it as it is.
    fn reads_planar(&self, layer: &Layer) -> bool {
        self.is_planar(layer.source().unwrap_or(0)) && reads_planar(layer)
    }

    /// Returns a buffer with the elements of a layer in this order. The buffer is kept to the end.
    fn add_output(&mut self, layer: usize, layout: TensorLayout, end: usize) -> BufferId {
        let shape = self.layers[layer].shape;
        let same = shape.channels == 1 || shape.pixels() == 1;
        let id = match layout {
            TensorLayout::Nchw if !same && self.is_planar(layer) => self.value(layer),
            TensorLayout::Nchw if !same => {
                let input = self.nhwc(layer);
                let output = self.arena.add(shape.len(), self.drafts.len());
                let work = Work::ToNchw(shape);
                self.push(Draft { work, input, second: None, scratch: None, output });
                output
            }
            _ => self.nhwc(layer),
        };
        self.arena.keep(id, end);
        id
    }
}
