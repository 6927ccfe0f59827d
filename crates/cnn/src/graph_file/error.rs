//! The errors of reading a graph file.

use crate::error::GraphError;

/// Why bytes are not a graph that this crate can use. The same bytes always fail again.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphFileError {
    /// The bytes do not begin as a graph file does. Check that this is the right file.
    #[error("not a graph file")]
    NotGraphFile,
    /// The file has a version that this crate cannot read. Write it again with this version of the crate.
    #[error("version {found} of the graph file is unknown, expected version {expected}")]
    Version {
        /// The version of the file.
        found: u32,
        /// The version that this crate reads.
        expected: u32,
    },
    /// The file differs from the one that was written. Copy it again.
    #[error("the graph file is damaged: its checksum is wrong")]
    Checksum,
    /// The weight file is not the one that the graph file was written for. Use that one, or write the graph file again.
    #[error("the weights are those of another file: expected {expected} bytes, given {given} bytes")]
    WeightFile {
        /// The length of the file that the graph file was written for.
        expected: u64,
        /// The length of the given one. It may be the same.
        given: u64,
    },
    /// A part of the file is not valid.
    #[error("byte {offset} of the graph file: {reason}")]
    Invalid {
        /// The offset at which the part ends.
        offset: usize,
        /// The reason.
        reason: String,
    },
    /// An operator does not fit the values it reads.
    #[error("operator {index} of the graph file: {error}")]
    Operator {
        /// The index of the operator, counted from 0.
        index: usize,
        /// The reason.
        #[source]
        error: GraphError,
    },
}
