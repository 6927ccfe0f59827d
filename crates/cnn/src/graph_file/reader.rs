//! Reads a graph file. Every length is checked against the bytes that are left before memory is allocated for it, and
//! every operator goes through the builder of [`Graph`], which checks its shapes.

use super::error::GraphFileError;
use super::format::{
    BINARIES, CHECKED_FROM, COORDINATE_MODES, HALF, IN_WEIGHT_FILE, INTERPOLATIONS, LAYOUTS, MAGIC,
    MAX_WEIGHT_REUSE, POOLINGS, VERSION, tag, unary_tag,
};
use crate::error::GraphError;
use crate::f16::F16;
use crate::graph::{Graph, Value};
use crate::op::{Conv, Pads, Shape, Unary, Window};

struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
    weight_file: &'a [u8],
    /// The number of bytes of the weight file that the graph may still refer to.
    references_left: usize,
}

/// Returns the graph and the metadata.
pub(super) fn read(bytes: &[u8], weight_file: &[u8]) -> Result<(Graph, Vec<u8>), GraphFileError> {
    if !bytes.starts_with(&MAGIC) {
        return Err(GraphFileError::NotGraphFile);
    }
    let references_left = weight_file.len().saturating_mul(MAX_WEIGHT_REUSE);
    let mut reader = Reader { bytes, offset: MAGIC.len(), weight_file, references_left };
    let found = reader.u32()?;
    if found != VERSION {
        return Err(GraphFileError::Version { found, expected: VERSION });
    }
    let checksum = reader.u32()?;
    if checksum != crc32fast::hash(&bytes[CHECKED_FROM..]) {
        return Err(GraphFileError::Checksum);
    }
    reader.check_weight_file()?;
    let length = reader.count()?;
    let metadata = reader.take(length)?.to_vec();
    let graph = reader.graph()?;
    if reader.offset < bytes.len() {
        return Err(reader.invalid("more bytes follow the last output"));
    }
    Ok((graph, metadata))
}

impl<'a> Reader<'a> {
    fn check_weight_file(&mut self) -> Result<(), GraphFileError> {
        let expected = self.u64()?;
        let checksum = self.u32()?;
        let given = self.weight_file.len() as u64;
        if expected == given && checksum == crc32fast::hash(self.weight_file) {
            Ok(())
        } else {
            Err(GraphFileError::WeightFile { expected, given })
        }
    }

    fn graph(&mut self) -> Result<Graph, GraphFileError> {
        let input = Shape::new(self.count()?, self.count()?, self.count()?);
        let (mut graph, _) =
            Graph::new(input).map_err(|error| GraphFileError::Operator { index: 0, error })?;
        let operators = self.count()?;
        for index in 0..operators {
            self.operator(&mut graph)?.map_err(|error| GraphFileError::Operator { index, error })?;
        }
        for _ in 0..self.count()? {
            let value = self.value(&graph)?;
            let layout = self.one_of(&LAYOUTS)?;
            graph.output(value, layout);
        }
        Ok(graph)
    }

    /// Reads one operator and adds it to the graph. The outer error is one of the file, the inner one of the operator.
    fn operator(&mut self, graph: &mut Graph) -> Result<Result<Value, GraphError>, GraphFileError> {
        let tag = self.u8()?;
        if tag == tag::CONCAT || tag == tag::STACK {
            let values = self.values(graph)?;
            return Ok(if tag == tag::CONCAT { graph.concat(&values) } else { graph.stack(&values) });
        }
        let x = self.value(graph)?;
        Ok(match tag {
            tag::CONV => graph.conv(x, self.conv()?),
            tag::CONV_TRANSPOSE => {
                let extra = self.pair()?;
                graph.conv_transpose(x, self.conv()?, extra)
            }
            tag::UNARY => graph.unary(x, self.unary()?),
            tag::BINARY => {
                let other = self.value(graph)?;
                graph.binary(self.one_of(&BINARIES)?, x, other)
            }
            tag::POOL => graph.pool(x, self.one_of(&POOLINGS)?, self.window()?),
            tag::MEAN => graph.mean(x),
            tag::SUM => graph.sum(x),
            tag::SOFTMAX => graph.softmax(x),
            tag::RESIZE => {
                let size = self.pair()?;
                graph.resize(x, size, self.one_of(&INTERPOLATIONS)?, self.one_of(&COORDINATE_MODES)?)
            }
            tag::PAD => graph.pad(x, self.pads()?, self.count()?, self.f32()?),
            tag::ROWS => graph.rows(x, self.count()?),
            tag::SLICE_CHANNELS => {
                let (first, channels) = self.pair()?;
                graph.slice_channels(x, first..first.saturating_add(channels))
            }
            _ => return Err(self.invalid(&format!("no operator has the tag {tag}"))),
        })
    }

    fn unary(&mut self) -> Result<Unary, GraphFileError> {
        Ok(match self.u8()? {
            unary_tag::RELU => Unary::Relu,
            unary_tag::CLIP => Unary::Clip(self.f32()?, self.f32()?),
            unary_tag::LEAKY => Unary::Leaky(self.f32()?),
            unary_tag::PRELU => Unary::Prelu(self.floats()?),
            unary_tag::AFFINE => Unary::Affine { scale: self.floats()?, shift: self.floats()? },
            unary_tag::SIGMOID => Unary::Sigmoid,
            unary_tag::EXP => Unary::Exp,
            unary_tag::TANH => Unary::Tanh,
            unary_tag::SQUARE => Unary::Square,
            unary_tag::SQRT => Unary::Sqrt,
            unary_tag::RECIP => Unary::Recip,
            other => return Err(self.invalid(&format!("no function has the tag {other}"))),
        })
    }

    fn conv(&mut self) -> Result<Conv, GraphFileError> {
        Ok(Conv {
            channels: self.count()?,
            groups: self.count()?,
            window: self.window()?,
            weights: self.floats()?,
            bias: self.floats()?,
        })
    }

    fn window(&mut self) -> Result<Window, GraphFileError> {
        Ok(Window { kernel: self.pair()?, stride: self.pair()?, dilation: self.pair()?, pads: self.pads()? })
    }

    fn pads(&mut self) -> Result<Pads, GraphFileError> {
        Ok(Pads { top: self.count()?, left: self.count()?, bottom: self.count()?, right: self.count()? })
    }

    fn pair(&mut self) -> Result<(usize, usize), GraphFileError> {
        Ok((self.count()?, self.count()?))
    }

    fn values(&mut self, graph: &Graph) -> Result<Vec<Value>, GraphFileError> {
        let count = self.count()?;
        (0..count).map(|_| self.value(graph)).collect::<Result<Vec<_>, _>>()
    }

    /// Reads the index of a value that the graph already has.
    fn value(&mut self, graph: &Graph) -> Result<Value, GraphFileError> {
        let index = self.count()?;
        if index < graph.nodes.len() {
            Ok(Value(index))
        } else {
            Err(self.invalid(&format!("value {index} does not exist yet")))
        }
    }

    fn one_of<T: Copy>(&mut self, list: &[T]) -> Result<T, GraphFileError> {
        let index = self.u8()?;
        list.get(usize::from(index)).copied().ok_or_else(|| self.invalid(&format!("no setting {index}")))
    }

    /// Reads a list of weights.
    fn floats(&mut self) -> Result<Vec<f32>, GraphFileError> {
        let flags = self.u8()?;
        if flags & !(HALF | IN_WEIGHT_FILE) != 0 {
            return Err(self.invalid(&format!("unknown flags {flags} of a list")));
        }
        let width = if flags & HALF == 0 { 4 } else { 2 };
        let length = self.count()?.checked_mul(width).ok_or_else(|| self.invalid("a list is too long"))?;
        let values =
            if flags & IN_WEIGHT_FILE == 0 { self.take(length)? } else { self.in_weight_file(length)? };
        if flags & HALF == 0 {
            return Ok(values.as_chunks().0.iter().map(|quad| f32::from_le_bytes(*quad)).collect());
        }
        let halves = values.as_chunks().0.iter().map(|pair| F16::from_bits(u16::from_le_bytes(*pair)));
        if halves.clone().any(|half| !half.is_finite()) {
            return Err(self.invalid("a weight in half precision is not finite"));
        }
        Ok(halves.map(F16::to_f32).collect())
    }

    /// Returns `length` bytes of the weight file from the offset that follows.
    fn in_weight_file(&mut self, length: usize) -> Result<&'a [u8], GraphFileError> {
        let from = self.u64()?;
        let part = usize::try_from(from).ok().and_then(|from| self.weight_file.get(from..)?.get(..length));
        let part = part.ok_or_else(|| self.invalid("a list lies outside the weight file"))?;
        self.references_left = self
            .references_left
            .checked_sub(length)
            .ok_or_else(|| self.invalid("too many references to the weight file"))?;
        Ok(part)
    }

    fn count(&mut self) -> Result<usize, GraphFileError> {
        let number = self.u32()?;
        usize::try_from(number).map_err(|_| self.invalid("a number is too large"))
    }

    fn f32(&mut self) -> Result<f32, GraphFileError> {
        Ok(f32::from_bits(self.u32()?))
    }

    fn u8(&mut self) -> Result<u8, GraphFileError> {
        self.array().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Result<u32, GraphFileError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, GraphFileError> {
        self.array().map(u64::from_le_bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], GraphFileError> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| self.invalid("the file ends"))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], GraphFileError> {
        let bytes = self.bytes.get(self.offset..).and_then(|rest| rest.get(..length));
        let bytes = bytes.ok_or_else(|| self.invalid("the file ends too early"))?;
        self.offset += length;
        Ok(bytes)
    }

    fn invalid(&self, reason: &str) -> GraphFileError {
        GraphFileError::Invalid { offset: self.offset, reason: reason.to_owned() }
    }
}
