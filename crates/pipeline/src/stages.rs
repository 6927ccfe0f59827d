//! The factories of the stages.

use std::sync::Arc;

use passerby_types::{
    AttributeFusion, Classifier, Detector, Embedder, Identifier, StageError, StageFactory, Tracker,
};

/// What makes the stages of a pipeline. Detector and tracker are needed; without an embedder nobody is identified,
/// without a classifier nobody gets an age.
///
/// A factory is called once at the start of each worker, and again after its instance failed with `Reset` or panicked.
/// Share what is immutable (a network's weights) by capturing it. A clone has the same factories.
#[derive(Clone)]
pub struct Stages {
    pub(crate) detector: StageFactory<dyn Detector>,
    pub(crate) tracker: StageFactory<dyn Tracker>,
    pub(crate) embedder: Option<StageFactory<dyn Embedder>>,
    pub(crate) identify: Option<StageFactory<dyn Identifier>>,
    pub(crate) classifier: Option<StageFactory<dyn Classifier>>,
    pub(crate) fuse: Option<StageFactory<dyn AttributeFusion>>,
}

impl Stages {
    /// Detection and tracking only: who was where, but not who it was.
    pub fn new(
        detector: impl Fn() -> Result<Box<dyn Detector>, StageError> + Send + Sync + 'static,
        tracker: impl Fn() -> Result<Box<dyn Tracker>, StageError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            detector: Arc::new(detector),
            tracker: Arc::new(tracker),
            embedder: None,
            identify: None,
            classifier: None,
            fuse: None,
        }
    }

    /// Also identifies persons.
    ///
    /// A gallery that has to be rebuilt after a panic starts from what its factory gives it.
    #[must_use]
    pub fn identifying(
        mut self,
        embedder: impl Fn() -> Result<Box<dyn Embedder>, StageError> + Send + Sync + 'static,
        identify: impl Fn() -> Result<Box<dyn Identifier>, StageError> + Send + Sync + 'static,
    ) -> Self {
        self.embedder = Some(Arc::new(embedder));
        self.identify = Some(Arc::new(identify));
        self
    }

    /// Also estimates age and gender.
    #[must_use]
    pub fn classifying(
        mut self,
        classifier: impl Fn() -> Result<Box<dyn Classifier>, StageError> + Send + Sync + 'static,
        fuse: impl Fn() -> Result<Box<dyn AttributeFusion>, StageError> + Send + Sync + 'static,
    ) -> Self {
        self.classifier = Some(Arc::new(classifier));
        self.fuse = Some(Arc::new(fuse));
        self
    }

    /// The same stages with another detector.
    #[must_use]
    pub fn with_detector(
        mut self,
        detector: impl Fn() -> Result<Box<dyn Detector>, StageError> + Send + Sync + 'static,
    ) -> Self {
        self.detector = Arc::new(detector);
        self
    }

    /// The same stages with another tracker.
    #[must_use]
    pub fn with_tracker(
        mut self,
        tracker: impl Fn() -> Result<Box<dyn Tracker>, StageError> + Send + Sync + 'static,
    ) -> Self {
        self.tracker = Arc::new(tracker);
        self
    }
}
