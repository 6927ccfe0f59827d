//! Sampling policies in a configuration file, which names only the limits that it changes.

use std::time::Duration;

use passerby_types::duration_text;
use serde::{Deserialize, Deserializer};

use crate::sampling::view_selector::SamplingPolicy;

/// The limits of a policy that a configuration names.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SamplingChanges {
    min_size: Option<f32>,
    initial_views: Option<u32>,
    #[serde(deserialize_with = "named_duration")]
    min_gap: Option<Duration>,
    min_quality_gain: Option<f32>,
    #[serde(deserialize_with = "named_duration")]
    stale_after: Option<Duration>,
    #[serde(deserialize_with = "named_duration")]
    recheck_after: Option<Duration>,
}

fn named_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration_text::deserialize(deserializer).map(Some)
}

/// Reads changes of [`SamplingPolicy::EMBED`].
pub(crate) fn of_embed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SamplingPolicy, D::Error> {
    read(SamplingPolicy::EMBED, deserializer)
}

/// Reads changes of [`SamplingPolicy::CLASSIFY`].
pub(crate) fn of_classify<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SamplingPolicy, D::Error> {
    read(SamplingPolicy::CLASSIFY, deserializer)
}

fn read<'de, D: Deserializer<'de>>(
    base: SamplingPolicy,
    deserializer: D,
) -> Result<SamplingPolicy, D::Error> {
    let changes = SamplingChanges::deserialize(deserializer)?;
    Ok(SamplingPolicy {
        min_size: changes.min_size.unwrap_or(base.min_size),
        initial_views: changes.initial_views.unwrap_or(base.initial_views),
        min_gap: changes.min_gap.unwrap_or(base.min_gap),
        min_quality_gain: changes.min_quality_gain.unwrap_or(base.min_quality_gain),
        stale_after: changes.stale_after.unwrap_or(base.stale_after),
        recheck_after: changes.recheck_after.unwrap_or(base.recheck_after),
    })
}
