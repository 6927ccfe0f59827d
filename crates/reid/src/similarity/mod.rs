//! From which similarity on two faces are one person: error rates, the means of several views, and the search in them.

mod bundled_impostors;
mod dot;
mod impostors;
mod match_rule;
mod means;
mod probe;

pub(crate) use dot::dot;
pub(crate) use impostors::{choices_raise, independent_views, mean_pair_cosine, youth_raise};
pub use match_rule::MatchRule;
pub(crate) use match_rule::Thresholds;
pub(crate) use means::{Candidate, PersonMeans};
pub(crate) use probe::{Probe, raise};
