//! A graph made ready to run.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::arena::{Arena, BufferId, NOWHERE};
use crate::chain::{Chain, Rows, STAGES, Stage};
use crate::deconv::Deconv;
use crate::graph::{Graph, Op};
use crate::layer::{Layer, layers};
use crate::op::{Order, Shape};
use crate::patches::Patches;
use crate::ranges::Ranges;
use crate::stage;
use crate::step::{Other, Step, Work};
use crate::winograd::Winograd;
use crate::{GraphError, Isa, Session};

/// A graph made ready for one instruction set: weights laid out for its kernels, operators joined where that saves memory
/// traffic, and a place for every buffer. Immutable; a clone is cheap and shares it, so that each worker may have a
/// [`Session`] of the same plan.
#[derive(Clone)]
pub struct Plan {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) isa: Isa,
    pub(crate) input: (Shape, Range<usize>),
    pub(crate) outputs: Vec<(Shape, Order, Range<usize>)>,
    pub(crate) steps: Vec<Step>,
    /// Numbers of memory a session needs.
    pub(crate) memory: usize,
}

impl Plan {
    /// Makes a graph ready to run with the instructions of `isa`.
    ///
    /// What is no number (NaN) comes out where [`Graph::evaluate`] gives it. Only where a 3x3 convolution runs as `winograd`
    /// are the outputs beside it, in the same four rows and columns, none either.
    ///
    /// # Errors
    /// [`GraphError::NoOutput`] for a graph without one; [`GraphError::Setting`] for a transposed convolution of which more
    /// than 64 taps reach one pixel.
    pub fn new(graph: &Graph, isa: Isa) -> Result<Self, GraphError> {
        Self::with(graph, isa, None)
    }

    /// As [`Plan::new`], with the convolutions that `ranges` names multiplying bytes: their inputs are turned into bytes
    /// within each channel's range, their weights into bytes output channel by output channel, sums are exact, the shifts of
    /// `ranges` are added to the biases, and all else is computed in f32. An input that is no number counts as the range's
    /// lowest. Where `isa` gains nothing by bytes
    /// ([`Isa::multiplies_bytes`]) this is [`Plan::new`].
    ///
    /// # Errors
    /// As [`Plan::new`], and [`GraphError::Ranges`] for ranges of another graph. The sizes of maps do not matter: ranges are
    /// good for every input size of a network.
    pub fn quantized(graph: &Graph, isa: Isa, ranges: &Ranges) -> Result<Self, GraphError> {
        ranges.check(graph)?;
        if !isa.multiplies_bytes() {
            return Self::new(graph, isa);
        }
        Self::with(&ranges.shifted(graph), isa, Some(ranges))
    }

    fn with(graph: &Graph, isa: Isa, ranges: Option<&Ranges>) -> Result<Self, GraphError> {
        if graph.outputs.is_empty() {
            return Err(GraphError::NoOutput);
        }
        let (layers, outputs) = layers(graph);
        let mut planner = Planner {
            isa,
            layers: &layers,
            ranges,
            arena: Arena::default(),
            values: vec![None; layers.len()],
            interleaved: None,
            drafts: Vec::new(),
        };
        let input = planner.arena.add(graph.input_shape().len(), 0);
        planner.values[0] = Some(input);
        planner.steps()?;
        let end = planner.drafts.len() + outputs.len();
        let mut given = Vec::new();
        for (layer, (value, order)) in outputs.into_iter().zip(&graph.outputs) {
            given.push((graph.shape(*value), *order, planner.output(layer, *order, end)));
        }
        let (places, memory) = planner.arena.place();
        let at = |id: BufferId| places[id.0].clone();
        let steps = planner.drafts.into_iter().map(|draft| draft.placed(at)).collect();
        let outputs = given.into_iter().map(|(shape, order, id)| (shape, order, at(id))).collect();
        let input = (graph.input_shape(), at(input));
        Ok(Self { shared: Arc::new(Shared { isa, input, outputs, steps, memory }) })
    }

    /// A worker's state for this plan: memory for one item, and nothing shared that changes.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::new(self.clone())
    }

    /// The instructions it was made for.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.shared.isa
    }

    /// Bytes of weights, which all sessions share.
    #[must_use]
    pub fn weight_bytes(&self) -> usize {
        self.shared.steps.iter().map(Step::bytes).sum()
    }

    /// Bytes of memory of one session.
    #[must_use]
    pub fn session_bytes(&self) -> usize {
        self.shared.memory * size_of::<f32>()
    }
}

/// The steps, one a line.
impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "plan for {:?}, {} bytes a session", self.shared.isa, self.session_bytes())?;
        self.shared.steps.iter().try_for_each(|step| writeln!(f, "  {}", step.name()))
    }
}

/// A step whose buffers have no place yet.
struct Draft {
    work: Work,
    input: BufferId,
    other: Option<BufferId>,
    scratch: Option<BufferId>,
    output: BufferId,
}

impl Draft {
    fn placed(self, at: impl Fn(BufferId) -> Range<usize>) -> Step {
        Step {
            work: self.work,
            input: at(self.input),
            other: match self.other {
                None => Other::None,
                Some(other) if other == self.input => Other::Same,
                Some(other) => Other::At(at(other)),
            },
            scratch: self.scratch.map_or(NOWHERE, &at),
            output: at(self.output),
        }
    }
}

struct Planner<'a> {
    isa: Isa,
    layers: &'a [Layer],
    /// Which convolutions multiply bytes.
    ranges: Option<&'a Ranges>,
    arena: Arena,
    /// Where each layer's map is. The input's is channel by channel.
    values: Vec<Option<BufferId>>,
    /// The input pixel by pixel, once somebody asked for it.
    interleaved: Option<BufferId>,
    drafts: Vec<Draft>,
}

impl Planner<'_> {
    /// Makes the steps of all layers.
    fn steps(&mut self) -> Result<(), GraphError> {
        let mut next = 1;
        let mut in_chain = vec![false; self.layers.len()];
        while next < self.layers.len() {
            let at = next;
            next += 1;
            if self.layers[at].uses == 0 || in_chain[at] {
                continue;
            }
            let chain = self.chain(at);
            if let Some((&last, _)) = chain.split_last() {
                chain.iter().for_each(|layer| in_chain[*layer] = true);
                self.add_chain(&chain, last);
                continue;
            }
            self.add_layer(at)?;
        }
        Ok(())
    }

    /// The layers that run together from `first` on; none if it is no convolution that works row by row.
    fn chain(&self, first: usize) -> Vec<usize> {
        let mut chain = Vec::new();
        let (mut at, mut stages) = (first, 0);
        loop {
            let layer = &self.layers[at];
            let source = layer.source().unwrap_or(0);
            let planar = self.is_planar(source) && stage::reads_planar(layer);
            stages += stage::count(layer, planar);
            if !stage::fits(layer, self.layers[source].shape, planar) || stages > STAGES {
                break;
            }
            chain.push(at);
            let Some(next) = self.follower(at) else { break };
            at = next;
        }
        chain
    }

    /// The layer that alone reads `at`, as its map, and is worth running in one chain with it.
    fn follower(&self, at: usize) -> Option<usize> {
        let layer = &self.layers[at];
        let next = (at + 1..self.layers.len())
            .find(|i| self.layers[*i].uses > 0 && self.layers[*i].inputs.contains(&at))?;
        let reader = &self.layers[next];
        // A residual must be there before the chain runs.
        let early = reader.residual().is_none_or(|other| other < at && self.values[other].is_some());
        let alone = layer.uses == 1 && reader.source() == Some(at) && reader.residual() != Some(at);
        (alone && early && layer.residual().is_none() && stage::joins(layer)).then_some(next)
    }

    fn add_chain(&mut self, chain: &[usize], last: usize) {
        let first = &self.layers[chain[0]];
        let source = first.source().unwrap_or(0);
        let planar = self.is_planar(source) && stage::reads_planar(first);
        let from = self.layers[source].shape;
        let mut stages: Vec<Stage> = Vec::new();
        for layer in chain {
            let layer = &self.layers[*layer];
            let source = layer.source().unwrap_or(0);
            let planar = self.is_planar(source) && stage::reads_planar(layer);
            let scales = self.ranges.zip(layer.convolution).and_then(|(ranges, at)| ranges.scales(at));
            stages.extend(stage::of(self.isa, layer, self.layers[source].shape, planar, scales.as_deref()));
        }
        let input = if planar { self.value(source) } else { self.map(source) };
        let chain = Chain::new(Rows::all(from.height, from.channels * from.width), stages);
        let scratch = chain.scratch();
        let residual = self.layers[last].residual();
        self.draft(Work::Chain(chain), input, residual, scratch, last);
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
                // The same numbers in the same order.
                self.values[at] = Some(self.map(first));
                return Ok(());
            }
            Op::Concat | Op::Stack => {
                self.gather(at);
                return Ok(());
            }
            Op::Conv(conv) if Winograd::pays(conv, from, to) => {
                let finish = stage::finish(self.isa, layer, 0..to.channels);
                let winograd = Winograd::new(self.isa, conv, from, to, finish);
                scratch = winograd.scratch();
                Work::Winograd(winograd)
            }
            Op::Conv(conv) => {
                let groups = stage::groups(self.isa, layer, conv, from.channels, false);
                let patches = Patches { input: from, output: to, window: conv.window, groups };
                scratch = patches.scratch();
                Work::Patches(patches)
            }
            Op::Deconv(conv) => {
                let finish = stage::finish(self.isa, layer, 0..to.channels);
                let deconv = Deconv::new(self.isa, conv, from, to, finish)?;
                scratch = deconv.scratch();
                Work::Deconv(deconv)
            }
            Op::Unary(function) => Work::Unary(function.clone(), to),
            Op::Binary(function) => Work::Binary(*function, [from, shapes[1]], to),
            Op::Pool(pool, window) => Work::Pool(*pool, *window, from, to),
            Op::Mean => Work::Mean,
            Op::Sum => Work::Sum(from),
            Op::Softmax => Work::Softmax(from),
            Op::Resize(interpolation, coordinates) => Work::Resize(*interpolation, *coordinates, from, to),
            Op::Pad { pads, value, .. } => Work::Pad(*pads, *value, from, to),
        };
        let other = match layer.op {
            Op::Binary(_) => layer.inputs.get(1).copied(),
            _ => layer.residual(),
        };
        let input = self.map(first);
        self.draft(work, input, other, scratch, at);
        Ok(())
    }

    /// Copies several maps into one.
    fn gather(&mut self, at: usize) {
        let layer = &self.layers[at];
        let out_channels = layer.shape.channels;
        let output = self.arena.add(layer.shape.len(), self.drafts.len());
        let mut first = 0;
        for input in &layer.inputs {
            let shape = self.layers[*input].shape;
            let input = self.map(*input);
            let work = if matches!(layer.op, Op::Concat) {
                let channels = shape.channels;
                first += channels;
                Work::Merge { channels, out_channels, first: first - channels }
            } else {
                first += shape.len();
                Work::Append { at: first - shape.len() }
            };
            self.push(Draft { work, input, other: None, scratch: None, output });
        }
        self.values[at] = Some(output);
    }

    /// Adds a step that gives the map of layer `at`.
    fn draft(&mut self, work: Work, input: BufferId, other: Option<usize>, scratch: usize, at: usize) {
        let other = other.map(|other| self.map(other));
        let step = self.drafts.len();
        let scratch = (scratch > 0).then(|| self.arena.add(scratch, step));
        let output = self.arena.add(self.layers[at].shape.len(), step);
        self.push(Draft { work, input, other, scratch, output });
        self.values[at] = Some(output);
    }

    fn push(&mut self, draft: Draft) {
        let step = self.drafts.len();
        let used = [Some(draft.input), draft.other, draft.scratch, Some(draft.output)];
        used.into_iter().flatten().for_each(|id| self.arena.keep(id, step));
        self.drafts.push(draft);
    }

    /// Where a layer's map is: layers are made in an order in which each reads earlier ones.
    fn value(&self, layer: usize) -> BufferId {
        self.values[layer].unwrap_or_else(|| unreachable!("layer {layer} is read before it is made"))
    }

    /// Where a layer's map is, pixel by pixel.
    fn map(&mut self, layer: usize) -> BufferId {
        if !self.is_planar(layer) {
            return self.value(layer);
        }
        if let Some(known) = self.interleaved {
            return known;
        }
        let (shape, input) = (self.layers[layer].shape, self.value(layer));
        let output = self.arena.add(shape.len(), self.drafts.len());
        self.push(Draft { work: Work::Interleave(shape), input, other: None, scratch: None, output });
        *self.interleaved.insert(output)
    }

    /// Whether a layer's map is channel by channel: the input's, where that makes a difference.
    fn is_planar(&self, layer: usize) -> bool {
        let shape = self.layers[layer].shape;
        layer == 0 && shape.channels > 1 && shape.pixels() > 1
    }

    /// A buffer with the numbers of a layer in this order, kept to the end.
    fn output(&mut self, layer: usize, order: Order, end: usize) -> BufferId {
        let shape = self.layers[layer].shape;
        let same = shape.channels == 1 || shape.pixels() == 1;
        let id = match order {
            Order::Planar if !same && self.is_planar(layer) => self.value(layer),
            Order::Planar if !same => {
                let input = self.map(layer);
                let output = self.arena.add(shape.len(), self.drafts.len());
                let work = Work::Planar(shape);
                self.push(Draft { work, input, other: None, scratch: None, output });
                output
            }
            _ => self.map(layer),
        };
        self.arena.keep(id, end);
        id
    }
}
