//! The ways in which a convolution can run, and the choice between them.
//!
//! [`strategy`] chooses. [`chain`] runs one or several convolutions row by row, [`winograd`] saves multiplications in
//! dense 3 x 3 windows, [`patches`] copies windows for maps that are too small for rows, and [`transpose`] runs
//! transposed convolutions as plain ones.

pub(crate) mod chain;
pub(crate) mod patches;
pub(crate) mod strategy;
pub(crate) mod transpose;
pub(crate) mod weights;
pub(crate) mod winograd;
