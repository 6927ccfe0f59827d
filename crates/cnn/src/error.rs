//! The errors of building and running a graph.

use crate::op::Shape;

/// Why an operator cannot be added to a graph, or why the graph cannot be planned. Each is a mistake in the code that
/// builds the graph; a retry fails in the same way.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// An operator does not accept values of these shapes.
    #[error("{op}: expected {expected}, given {}", shapes(given))]
    Shape {
        /// The operator.
        op: &'static str,
        /// The shapes that the operator accepts.
        expected: String,
        /// The shapes it was given.
        given: Vec<Shape>,
    },
    /// A list does not have the length that the shapes require.
    #[error("{op}: {list} has {given} values, expected {expected}")]
    Length {
        /// The operator.
        op: &'static str,
        /// The list, for example `weights`.
        list: &'static str,
        /// The required length.
        expected: usize,
        /// The length it has.
        given: usize,
    },
    /// A setting is outside its range.
    #[error("{op}: {reason}")]
    Setting {
        /// The operator.
        op: &'static str,
        /// The setting and its range.
        reason: String,
    },
    /// The activation ranges belong to another graph.
    #[error("activation ranges of another graph: {reason}")]
    Ranges {
        /// The difference.
        reason: String,
    },
    /// The graph has no output, so there is nothing to plan.
    #[error("the graph has no output")]
    NoOutput,
}

/// The input of a batch does not have the length that its items require.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given} values for {items} items of {item}")]
pub struct BatchLengthError {
    /// The number of items of the batch.
    pub items: usize,
    /// The shape of one item.
    pub item: Shape,
    /// The number of values that the caller passed.
    pub given: usize,
}

fn shapes(shapes: &[Shape]) -> String {
    let each: Vec<String> = shapes.iter().map(ToString::to_string).collect();
    each.join(" and ")
}
