//! The program without its encoder.

use std::convert::Infallible;

use passerby::annotate::AnnotateSettings;
use passerby::pipeline::FrameSubscription;
use passerby::types::{BoxError, PersonId};
use passerby::zones::ZoneBoard;

use super::files::VideoFiles;
use crate::output::{Recording, WhenBehind};
use crate::stop::Stop;

/// Cannot be made: [`VideoFiles::claim`] says so before it is tried.
#[derive(Clone)]
pub(crate) struct VideoRecorder(Infallible);

impl VideoRecorder {
    pub(crate) fn create(
        _: VideoFiles,
        _: AnnotateSettings,
        _: Vec<(PersonId, String)>,
        _: Option<ZoneBoard>,
        _: WhenBehind,
        _: &Stop,
    ) -> Result<Self, BoxError> {
        Err(super::files::NO_ENCODER.into())
    }

    pub(crate) fn record(&self, _: FrameSubscription) -> Result<Recording, BoxError> {
        match self.0 {}
    }

    pub(crate) fn finish(&self) -> (String, bool) {
        match self.0 {}
    }
}
