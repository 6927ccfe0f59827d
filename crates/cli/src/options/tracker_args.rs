//! The options of the tracker.

use clap::Args;
use passerby::track::SortSettings;

use super::number;

/// How faces are followed from frame to frame. An option that is not given has its default.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Tracking")]
pub(crate) struct TrackerArgs {
    /// The lowest overlap of a track and its detection, 0 to 1 [default: 0.25; 0.3 for --tracker iou]
    #[arg(long, value_name = "X", value_parser = number(0.0_f32..=1.0), allow_negative_numbers = true)]
    pub(crate) iou: Option<f32>,
    /// The number of frames that a track may go without a detection [default: 30]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) max_age: Option<u32>,
    /// The number of detections after which a track is confirmed [default: 3; 1 for --tracker iou]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) min_hits: Option<u32>,
    /// How far each side of a box moves out before boxes are compared, as a part of its width or height [default: 0.2]
    ///
    /// A margin helps at low frame rates, at which the boxes of one person may not overlap.
    #[arg(long, value_name = "X", value_parser = number(0.0_f32..=10.0), allow_negative_numbers = true)]
    box_margin: Option<f32>,
    /// The same for tracks that were lost, as a second try; 0 leaves it out [default: 0.6]
    #[arg(long, value_name = "X", value_parser = number(0.0_f32..=10.0), allow_negative_numbers = true)]
    lost_margin: Option<f32>,
    /// How much better a detection with a low score must fit its track, 0 to 1 [default: 0.8]
    #[arg(long, value_name = "X", value_parser = number(0.0_f32..=1.0), allow_negative_numbers = true)]
    score_weight: Option<f32>,
    /// The number of further detections that confirm a track whose scores are low for its camera [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    faint_hits: Option<u32>,
    /// How much the direction of movement counts for which detection a track gets, 0 to 1 [default: 0.07]
    #[arg(long, value_name = "X", value_parser = number(0.0_f32..=1.0), allow_negative_numbers = true)]
    direction_weight: Option<f32>,
    /// How fast a track forgets its speed after wrong predictions, 0 to 1 [default: 0.5]
    #[arg(long, value_name = "X", value_parser = number(0.0_f32..=1.0), allow_negative_numbers = true)]
    noise_adaptation: Option<f32>,
}

impl TrackerArgs {
    /// Writes the given options into the settings.
    pub(crate) fn apply(&self, settings: &mut SortSettings) {
        fn set<T: Copy>(setting: &mut T, option: Option<T>) {
            *setting = option.unwrap_or(*setting);
        }
        set(&mut settings.match_threshold, self.iou);
        set(&mut settings.max_age, self.max_age);
        set(&mut settings.min_hits, self.min_hits);
        set(&mut settings.box_margin, self.box_margin);
        set(&mut settings.lost_margin, self.lost_margin);
        set(&mut settings.score_weight, self.score_weight);
        set(&mut settings.faint_hits, self.faint_hits);
        set(&mut settings.direction_weight, self.direction_weight);
        set(&mut settings.noise_adaptation, self.noise_adaptation);
    }
}
