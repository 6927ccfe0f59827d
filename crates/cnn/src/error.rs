//! Why a graph cannot be built or run.

use crate::Shape;

/// Why an operator cannot be added to a graph, or a plan made of it. All are mistakes of whoever builds the graph.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// An operator does not take values of these shapes.
    #[error("{op}: {what}, given {}", shapes(given))]
    Shape {
        /// The operator.
        op: &'static str,
        /// What it takes.
        what: String,
        /// The shapes it was given.
        given: Vec<Shape>,
    },
    /// A list of numbers is not as long as the shapes demand.
    #[error("{op}: {list} has {given} numbers, not {expected}")]
    Length {
        /// The operator.
        op: &'static str,
        /// Which list.
        list: &'static str,
        /// How long it must be.
        expected: usize,
        /// How long it is.
        given: usize,
    },
    /// A setting is outside its range.
    #[error("{op}: {what}")]
    Setting {
        /// The operator.
        op: &'static str,
        /// Which setting, and its range.
        what: String,
    },
    /// Ranges were found for another graph.
    #[error("ranges of another graph: {what}")]
    Ranges {
        /// What differs.
        what: String,
    },
    /// The graph has no output, so there is nothing to plan.
    #[error("a graph without an output")]
    NoOutput,
}

/// Why a run gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given} numbers for {items} items of {item}")]
pub struct InputError {
    /// How many items were announced.
    pub items: usize,
    /// The shape of one item.
    pub item: Shape,
    /// How many numbers were given.
    pub given: usize,
}

fn shapes(shapes: &[Shape]) -> String {
    let each: Vec<String> = shapes.iter().map(ToString::to_string).collect();
    each.join(" and ")
}
