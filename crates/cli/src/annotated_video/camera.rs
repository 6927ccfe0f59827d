//! The annotated video of one camera.

use std::time::Duration;

use passerby::annotate::{AnnotateSettings, Annotator};
use passerby::mp4::{EncoderSettings, VideoEncoder, VideoError, VideoSegment};
use passerby::pipeline::TappedFrame;
use passerby::types::{FrameMeta, PersonId};
use passerby::zones::ZonePlan;

use super::place_counts::PlaceCounts;

/// The time of a frame whose file declares none: 25 frames a second, as players take it.
const FRAME_TIME: Duration = Duration::from_millis(40);

/// Draws on the frames of one camera, and encodes them.
pub(super) struct CameraVideo {
    annotator: Annotator,
    places: Option<PlaceCounts>,
    encoder: VideoEncoder,
    /// True if the video begins with its first frame. Otherwise it has the times of the file.
    is_live: bool,
    first: Option<Duration>,
}

impl CameraVideo {
    pub(super) fn new(
        settings: AnnotateSettings,
        names: &[(PersonId, String)],
        plan: Option<ZonePlan>,
        is_live: bool,
    ) -> Self {
        let mut annotator = Annotator::new(settings);
        names.iter().for_each(|(person, name)| annotator.name(*person, name));
        let places = plan.map(PlaceCounts::new);
        let encoder = VideoEncoder::new(EncoderSettings::default());
        Self { annotator, places, encoder, is_live, first: None }
    }

    /// Adds a frame with its results. Returns the segment before it if one is complete.
    ///
    /// # Errors
    /// As for [`VideoEncoder::push`]: the frame is left out.
    pub(super) fn add(&mut self, frame: &TappedFrame) -> Result<Option<VideoSegment>, VideoError> {
        let observation = &frame.observation;
        if let Some(places) = &mut self.places {
            places.add(&observation.zone_events);
            self.annotator.set_places(places.marks());
        }
        let mut image = (*frame.frame.image).clone();
        self.annotator.draw(&mut image, &observation.faces);
        let time = self.time(&frame.frame.meta);
        self.encoder.push(&image, time)
    }

    /// Returns the last segment.
    pub(super) fn finish(self) -> Option<VideoSegment> {
        self.encoder.finish()
    }

    fn time(&mut self, meta: &FrameMeta) -> Duration {
        if self.is_live {
            let time = meta.stream_time();
            return time.saturating_sub(*self.first.get_or_insert(time));
        }
        let by_number = || FRAME_TIME.saturating_mul(u32::try_from(meta.seq).unwrap_or(u32::MAX));
        meta.pts.unwrap_or_else(by_number)
    }
}
