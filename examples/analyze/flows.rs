//! A flow for videos and one for photographs, with one gallery, so that persons are recognised over both.

use std::sync::Arc;

use passerby::pipeline::{Flow, FlowSettings};
use passerby::reid::SharedGallery;
use passerby::types::{BoxError, SourceInfo, SystemClock};
use passerby::{Settings, stages_with};

use crate::args::Args;

/// The flows, each made when the first input needs it.
pub(crate) struct Flows {
    settings: Settings,
    every_frame: bool,
    gallery: SharedGallery,
    video: Option<Flow>,
    still: Option<Flow>,
}

impl Flows {
    pub(crate) fn new(args: &Args) -> Self {
        let mut settings = Settings::default();
        (settings.detector.precision, settings.embedder) = (args.precision, args.precision);
        settings.detector.long_side = args.long_side.unwrap_or(settings.detector.long_side);
        if let Some(threshold) = args.threshold {
            (settings.detector.threshold, settings.tracker.strong) = (threshold, threshold);
        }
        if args.every_frame {
            settings.tracker.strong = 0.0;
        }
        let gallery = SharedGallery::new(settings.gallery.clone());
        Self { settings, every_frame: args.every_frame, gallery, video: None, still: None }
    }

    /// The flow for this source: one of a single picture is a photograph.
    pub(crate) fn of(&mut self, source: &SourceInfo) -> Result<&mut Flow, BoxError> {
        let is_still = !source.live && source.frames == Some(1);
        let mut settings = self.settings.clone();
        if is_still {
            // A photograph is all there is of its track: one look has to do.
            (settings.tracker.strong, settings.tracker.min_hits, settings.gallery.founding) = (0.0, 1, 1);
            (settings.vote.views, settings.vote.quality) = (1, 0.0);
        }
        let slot = if is_still { &mut self.still } else { &mut self.video };
        if let Some(flow) = slot {
            return Ok(flow);
        }
        let gallery = self.gallery.clone().founding(settings.gallery.founding);
        let stages = stages_with(&settings, move || Ok(Box::new(gallery.clone())))?;
        let flow_settings = FlowSettings::default();
        let flow_settings = if self.every_frame { flow_settings.every_frame() } else { flow_settings };
        Ok(slot.insert(Flow::new(stages, flow_settings, Arc::new(SystemClock::new()))?))
    }
}
