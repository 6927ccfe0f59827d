//! Writes a graph file.

use super::format::{
    BINARIES, CHECKED_FROM, COORDINATE_MODES, HALF, IN_WEIGHT_FILE, INTERPOLATIONS, LAYOUTS, MAGIC,
    MAX_WEIGHT_REUSE, POOLINGS, VERSION, tag, unary_tag,
};
use crate::f16::F16;
use crate::graph::{Graph, Node, Op};
use crate::op::{Conv, Pads, Unary, Window};

/// The smallest list that becomes a reference, in bytes. A shorter one could lie in the weight file by chance, and a
/// reference would not be much shorter.
const MIN_REFERENCE_BYTES: usize = 32;

struct Writer<'a> {
    bytes: Vec<u8>,
    weight_file: &'a [u8],
    /// The end of the last list that was found in the weight file. The next one probably follows it.
    found_until: usize,
    /// The number of bytes of the weight file that the graph may still refer to.
    references_left: usize,
}

pub(super) fn write(graph: &Graph, metadata: &[u8], weight_file: &[u8]) -> Vec<u8> {
    let references_left = weight_file.len().saturating_mul(MAX_WEIGHT_REUSE);
    let mut writer = Writer { bytes: Vec::new(), weight_file, found_until: 0, references_left };
    writer.bytes.extend_from_slice(&MAGIC);
    writer.u32(VERSION);
    writer.u32(0); // the checksum
    writer.u64(weight_file.len() as u64);
    writer.u32(crc32fast::hash(weight_file));
    writer.count(metadata.len());
    writer.bytes.extend_from_slice(metadata);
    let input = graph.input_shape();
    writer.counts(&[input.channels, input.height, input.width]);
    writer.count(graph.nodes.len() - 1);
    for node in &graph.nodes[1..] {
        writer.operator(graph, node);
    }
    writer.count(graph.outputs.len());
    for (value, layout) in &graph.outputs {
        writer.count(value.0);
        writer.index_of(&LAYOUTS, layout);
    }
    let checksum = crc32fast::hash(&writer.bytes[CHECKED_FROM..]);
    writer.bytes[CHECKED_FROM - 4..CHECKED_FROM].copy_from_slice(&checksum.to_le_bytes());
    writer.bytes
}

impl Writer<'_> {
    fn operator(&mut self, graph: &Graph, node: &Node) {
        let tag = match &node.op {
            Op::Input => unreachable!("only the first node is an input"),
            Op::Conv(_) => tag::CONV,
            Op::ConvTranspose(_) => tag::CONV_TRANSPOSE,
            Op::Unary(_) => tag::UNARY,
            Op::Binary(_) => tag::BINARY,
            Op::Pool(..) => tag::POOL,
            Op::Mean => tag::MEAN,
            Op::Sum => tag::SUM,
            Op::Softmax => tag::SOFTMAX,
            Op::Concat => tag::CONCAT,
            Op::Stack => tag::STACK,
            Op::Resize(..) => tag::RESIZE,
            Op::Pad { .. } => tag::PAD,
            Op::Rows => tag::ROWS,
            Op::SliceChannels(_) => tag::SLICE_CHANNELS,
        };
        self.u8(tag);
        if matches!(node.op, Op::Concat | Op::Stack) {
            self.count(node.inputs.len());
        }
        for value in &node.inputs {
            self.count(value.0);
        }
        match &node.op {
            Op::Input | Op::Mean | Op::Sum | Op::Softmax | Op::Concat | Op::Stack => {}
            Op::Conv(conv) => self.conv(conv),
            Op::ConvTranspose(conv) => {
                let (rows, columns) = node.extra(conv, graph.shape(node.inputs[0]));
                self.counts(&[rows, columns]);
                self.conv(conv);
            }
            Op::Unary(unary) => self.unary(unary),
            Op::Binary(binary) => self.index_of(&BINARIES, binary),
            Op::Pool(pooling, window) => {
                self.index_of(&POOLINGS, pooling);
                self.window(window);
            }
            Op::Resize(interpolation, coordinates) => {
                self.counts(&[node.shape.height, node.shape.width]);
                self.index_of(&INTERPOLATIONS, interpolation);
                self.index_of(&COORDINATE_MODES, coordinates);
            }
            Op::Pad { pads, channels, value } => {
                self.pads(pads);
                self.count(*channels);
                self.f32(*value);
            }
            Op::Rows => self.count(node.shape.channels),
            Op::SliceChannels(first) => self.counts(&[*first, node.shape.channels]),
        }
    }

    fn unary(&mut self, unary: &Unary) {
        match unary {
            Unary::Relu => self.u8(unary_tag::RELU),
            Unary::Clip(low, high) => {
                self.u8(unary_tag::CLIP);
                self.f32(*low);
                self.f32(*high);
            }
            Unary::Leaky(slope) => {
                self.u8(unary_tag::LEAKY);
                self.f32(*slope);
            }
            Unary::Prelu(slopes) => {
                self.u8(unary_tag::PRELU);
                self.floats(slopes);
            }
            Unary::Affine { scale, shift } => {
                self.u8(unary_tag::AFFINE);
                self.floats(scale);
                self.floats(shift);
            }
            Unary::Sigmoid => self.u8(unary_tag::SIGMOID),
            Unary::Exp => self.u8(unary_tag::EXP),
            Unary::Tanh => self.u8(unary_tag::TANH),
            Unary::Square => self.u8(unary_tag::SQUARE),
            Unary::Sqrt => self.u8(unary_tag::SQRT),
            Unary::Recip => self.u8(unary_tag::RECIP),
        }
    }

    fn conv(&mut self, conv: &Conv) {
        self.counts(&[conv.channels, conv.groups]);
        self.window(&conv.window);
        self.floats(&conv.weights);
        self.floats(&conv.bias);
    }

    fn window(&mut self, window: &Window) {
        for (rows, columns) in [window.kernel, window.stride, window.dilation] {
            self.counts(&[rows, columns]);
        }
        self.pads(&window.pads);
    }

    fn pads(&mut self, pads: &Pads) {
        self.counts(&[pads.top, pads.left, pads.bottom, pads.right]);
    }

    /// Writes a list of weights: as a reference if the weight file has it, and in half precision if that is exact.
    fn floats(&mut self, list: &[f32]) {
        let singles: Vec<u8> = list.iter().flat_map(|number| number.to_le_bytes()).collect();
        let halves: Option<Vec<u8>> = list
            .iter()
            .map(|number| F16::from_f32_exact(*number).map(|half| half.to_bits().to_le_bytes()))
            .collect::<Option<Vec<_>>>()
            .map(|halves| halves.concat());
        let mut forms: Vec<(u8, &[u8])> = Vec::new();
        forms.extend(halves.as_deref().map(|halves| (HALF, halves)));
        forms.push((0, &singles));
        for (flags, form) in &forms {
            if let Some(offset) = self.find(form) {
                self.u8(flags | IN_WEIGHT_FILE);
                self.count(list.len());
                self.u64(offset as u64);
                return;
            }
        }
        let (flags, form) = forms[0];
        self.u8(flags);
        self.count(list.len());
        self.bytes.extend_from_slice(form);
    }

    /// Returns the offset of these bytes in the weight file.
    fn find(&mut self, needle: &[u8]) -> Option<usize> {
        let left = self.references_left.checked_sub(needle.len())?;
        if needle.len() < MIN_REFERENCE_BYTES {
            return None;
        }
        let search = |from: usize| {
            let places = self.weight_file[from..].windows(needle.len());
            Some(from + places.enumerate().find(|(_, w)| w[0] == needle[0] && *w == needle)?.0)
        };
        let offset = search(self.found_until).or_else(|| search(0))?;
        self.found_until = offset + needle.len();
        self.references_left = left;
        Some(offset)
    }

    fn index_of<T: PartialEq>(&mut self, list: &[T], setting: &T) {
        let index = list.iter().position(|other| other == setting).expect("the list has every setting");
        self.u8(index as u8);
    }

    fn counts(&mut self, numbers: &[usize]) {
        numbers.iter().for_each(|number| self.count(*number));
    }

    fn count(&mut self, number: usize) {
        self.u32(u32::try_from(number).expect("a graph has no side or list of 2^32"));
    }

    fn f32(&mut self, number: f32) {
        self.u32(number.to_bits());
    }

    fn u8(&mut self, number: u8) {
        self.bytes.push(number);
    }

    fn u32(&mut self, number: u32) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }
}
