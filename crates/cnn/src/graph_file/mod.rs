//! The file form of a graph. `format.rs` describes the format.

mod error;
mod format;
mod reader;
mod writer;

use crate::graph::Graph;

pub use error::GraphFileError;

/// A graph with the metadata of its file.
///
/// ```
/// use passerby_cnn::{Graph, GraphFile, Shape, TensorLayout, Unary};
///
/// let (mut graph, input) = Graph::new(Shape::new(3, 8, 8))?;
/// let positive = graph.unary(input, Unary::Relu)?;
/// graph.output(positive, TensorLayout::Nchw);
///
/// let file = GraphFile { graph, metadata: b"relu".to_vec() };
/// let bytes = file.to_bytes(&[]);
/// let read = GraphFile::from_bytes(&bytes, &[])?;
/// assert_eq!(read.metadata, b"relu");
/// assert_eq!(read.graph.with_input(Shape::new(3, 6, 10))?.input_shape(), Shape::new(3, 6, 10));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct GraphFile {
    /// The network.
    pub graph: Graph,
    /// Bytes with a meaning for the caller only, for example names.
    pub metadata: Vec<u8>,
}

impl GraphFile {
    /// Returns the bytes of the file. A list of weights whose values also lie in `weight_file`, in single or half
    /// precision, becomes a reference to them. If `weight_file` is empty, the graph file has all weights itself.
    ///
    /// The same graph always gives the same bytes, so two graphs with the same bytes are equal to the last bit.
    #[must_use]
    pub fn to_bytes(&self, weight_file: &[u8]) -> Vec<u8> {
        writer::write(&self.graph, &self.metadata, weight_file)
    }

    /// Reads the result of [`GraphFile::to_bytes`]. `weight_file` must be the same as there. The memory that it uses is
    /// bounded by the sizes of both files.
    ///
    /// # Errors
    /// Returns a [`GraphFileError`] if the bytes are not a graph file of this version, if they are damaged, or if the
    /// weight file is another one. Malformed bytes never cause a panic.
    pub fn from_bytes(bytes: &[u8], weight_file: &[u8]) -> Result<Self, GraphFileError> {
        let (graph, metadata) = reader::read(bytes, weight_file)?;
        Ok(Self { graph, metadata })
    }
}
