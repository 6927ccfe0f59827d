//! The gaps in a run's results, in words: persons that could not be told apart, faces beyond a limit or too small, and frames that
//! were not stored.

mod left_out;
mod lost_writes;
mod small_faces;
mod unidentified;

pub(crate) use left_out::left_out;
pub(crate) use lost_writes::lost_writes;
pub(crate) use small_faces::SmallFaces;
pub(crate) use unidentified::unidentified;
