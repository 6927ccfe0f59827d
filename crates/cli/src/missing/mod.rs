//! What a run's results lack, in words: persons that could not be told apart, and faces beyond a limit.

mod left_out;
mod unidentified;

pub(crate) use left_out::left_out;
pub(crate) use unidentified::unidentified;
