//! The parts of the program that the page shows.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use passerby::reid::SharedGallery;
use passerby::store::{ExpiredRows, TemplateKey};
use passerby::zones::ZoneBoard;
use passerby_pipeline::PipelineOutputs;

use crate::control::CameraControl;

/// The parts of the program that the page shows and changes.
#[derive(Clone)]
pub struct PreviewSources {
    /// The pipeline.
    pub outputs: PipelineOutputs,
    /// The cameras.
    pub cameras: Arc<dyn CameraControl>,
    /// The gallery of all runs, which has the journal of `database`. `None` if persons are numbered by this run alone: they cannot be
    /// changed then.
    pub gallery: Option<SharedGallery>,
    /// The database that the run writes, or `None` if it writes none.
    pub database: Option<PathBuf>,
    /// The key of the database's templates, or `None` if they are not encrypted.
    pub key: Option<TemplateKey>,
    /// The rows that the program has removed from the database because of their age.
    pub expired: Arc<Mutex<ExpiredRows>>,
    /// The zones and lines. A board without cameras if there are none.
    pub zones: ZoneBoard,
}

impl fmt::Debug for PreviewSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreviewSources").field("database", &self.database).finish_non_exhaustive()
    }
}
