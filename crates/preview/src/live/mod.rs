//! What happens, for the viewers of events, and the state of the cameras.

mod board;
mod rows;
mod tally;
mod viewer;

pub(crate) use board::{LiveBoard, rfc3339};
pub(crate) use rows::LiveCameraRow;
pub(crate) use viewer::{EventChoice, EventKind, EventViewer};
