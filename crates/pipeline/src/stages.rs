//! The factories of the stages.

use std::fmt;
use std::sync::Arc;

use passerby_types::{
    AttributeFusion, CameraId, Classifier, Detector, Embedder, Identifier, StageError, StageFactory, Tracker,
    ZoneCounter,
};

/// The factories of a pipeline's stages. A pipeline needs a detector and a tracker. Without an embedder and an identifier
/// it identifies no persons, and without a classifier and a fusion it estimates no ages.
///
/// A factory is a closure that returns the stage, or a `Result` with the stage. The pipeline calls it once for each worker
/// at the start, and again after an instance failed with [`Reset`](passerby_types::ErrorClass::Reset) or panicked. A
/// closure should capture what its instances can share, for example the weights of a network. A clone has the same
/// factories.
///
/// ```
/// use passerby_pipeline::Stages;
/// use passerby_testkit::{OrderTracker, FixedEmbedder, ScriptedDetector};
/// use passerby_types::StageError;
///
/// # use passerby_types::{Identifier, Identity, Sighting, TrackKey};
/// # #[derive(Default)]
/// # struct NoIdentity;
/// # impl Identifier for NoIdentity {
/// #     fn identify(&mut self, _: &[Sighting], _: &[TrackKey]) {}
/// #     fn identity(&self, _: TrackKey) -> Identity { Identity::Pending }
/// #     fn end(&mut self, _: TrackKey) {}
/// # }
/// fn load() -> Result<FixedEmbedder, StageError> {
///     Ok(FixedEmbedder::default()) // For example, a network from a file that may not exist.
/// }
///
/// let stages = Stages::new(ScriptedDetector::default, OrderTracker::default).identifying(load, NoIdentity::default);
/// # drop(stages);
/// ```
#[derive(Clone)]
pub struct Stages {
    pub(crate) detector: StageFactory<dyn Detector>,
    pub(crate) tracker: StageFactory<dyn Tracker>,
    pub(crate) embedder: Option<StageFactory<dyn Embedder>>,
    pub(crate) identifier: Option<StageFactory<dyn Identifier>>,
    pub(crate) classifier: Option<StageFactory<dyn Classifier>>,
    pub(crate) fusion: Option<StageFactory<dyn AttributeFusion>>,
    pub(crate) counters: Option<CounterFactory>,
}

/// Makes the counter of a camera's zones, or returns `None` for a camera without zones.
pub(crate) type CounterFactory = Arc<dyn Fn(CameraId) -> Option<Box<dyn ZoneCounter>> + Send + Sync>;

impl Stages {
    /// Creates stages that detect and track faces, without identities, ages and genders.
    pub fn new<A, B>(
        detector: impl IntoStageFactory<dyn Detector, A>,
        tracker: impl IntoStageFactory<dyn Tracker, B>,
    ) -> Self {
        Self {
            detector: detector.into_stage_factory(),
            tracker: tracker.into_stage_factory(),
            embedder: None,
            identifier: None,
            classifier: None,
            fusion: None,
            counters: None,
        }
    }

    /// Adds the stages that identify persons.
    ///
    /// If a gallery panics, its factory makes a new one, so persons are lost unless the factory restores them.
    #[must_use]
    pub fn identifying<A, B>(
        mut self,
        embedder: impl IntoStageFactory<dyn Embedder, A>,
        identifier: impl IntoStageFactory<dyn Identifier, B>,
    ) -> Self {
        self.embedder = Some(embedder.into_stage_factory());
        self.identifier = Some(identifier.into_stage_factory());
        self
    }

    /// Adds the stages that estimate age and gender.
    #[must_use]
    pub fn classifying<A, B>(
        mut self,
        classifier: impl IntoStageFactory<dyn Classifier, A>,
        fusion: impl IntoStageFactory<dyn AttributeFusion, B>,
    ) -> Self {
        self.classifier = Some(classifier.into_stage_factory());
        self.fusion = Some(fusion.into_stage_factory());
        self
    }

    /// Adds the counters of zones and lines. The pipeline calls `counters` when it adds a camera, and again if the camera's counter
    /// panicked. A camera for which it returns `None` has no zones.
    ///
    /// Faces that a counter does not watch are not tracked. [`Observation::zone_events`](passerby_types::Observation::zone_events)
    /// has its events. `ZoneBoard` of the crate `passerby-zones` makes counters.
    #[must_use]
    pub fn counting(
        mut self,
        counters: impl Fn(CameraId) -> Option<Box<dyn ZoneCounter>> + Send + Sync + 'static,
    ) -> Self {
        self.counters = Some(Arc::new(counters));
        self
    }

    /// Replaces the detector.
    #[must_use]
    pub fn with_detector<A>(mut self, detector: impl IntoStageFactory<dyn Detector, A>) -> Self {
        self.detector = detector.into_stage_factory();
        self
    }

    /// Replaces the tracker.
    #[must_use]
    pub fn with_tracker<A>(mut self, tracker: impl IntoStageFactory<dyn Tracker, A>) -> Self {
        self.tracker = tracker.into_stage_factory();
        self
    }
}

impl fmt::Debug for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stages")
            .field("identifies", &self.identifier.is_some())
            .field("classifies", &self.classifier.is_some())
            .finish_non_exhaustive()
    }
}

/// Anything that makes instances of the stage `S`, for example of `dyn Detector`:
///
/// - a closure that returns a stage: `|| MyDetector::new()`,
/// - a closure that returns a boxed stage, for example one of several types,
/// - a closure that returns a `Result` with either, whose error converts into a [`StageError`],
/// - a [`StageFactory`].
///
/// `Kind` only tells these apart, and the compiler finds it by itself. The trait is implemented for all six stages.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not make a stage of the type `{S}`",
    note = "pass a closure that returns the stage, or a `Result` with it whose error converts into `StageError`"
)]
pub trait IntoStageFactory<S: ?Sized, Kind> {
    /// Returns the factory that the pipeline calls.
    fn into_stage_factory(self) -> StageFactory<S>;
}

/// The kinds of factories that [`IntoStageFactory`] tells apart.
#[doc(hidden)]
pub mod kind {
    use std::marker::PhantomData;

    /// A closure that returns a stage.
    #[derive(Debug)]
    pub struct Plain<T>(PhantomData<T>);
    /// A closure that returns a result with a stage.
    #[derive(Debug)]
    pub struct Fallible<T>(PhantomData<T>);
    /// A closure that returns a boxed stage.
    #[derive(Debug)]
    pub struct Boxed;
    /// A closure that returns a result with a boxed stage.
    #[derive(Debug)]
    pub struct FallibleBoxed<T>(PhantomData<T>);
    /// A stage factory.
    #[derive(Debug)]
    pub struct Ready;
}

impl<S: ?Sized> IntoStageFactory<S, kind::Ready> for StageFactory<S> {
    fn into_stage_factory(self) -> StageFactory<S> {
        self
    }
}

impl<S, F> IntoStageFactory<S, kind::Boxed> for F
where
    S: ?Sized,
    F: Fn() -> Box<S> + Send + Sync + 'static,
{
    fn into_stage_factory(self) -> StageFactory<S> {
        Arc::new(move || Ok(self()))
    }
}

impl<S, E, F> IntoStageFactory<S, kind::FallibleBoxed<E>> for F
where
    S: ?Sized,
    E: Into<StageError>,
    F: Fn() -> Result<Box<S>, E> + Send + Sync + 'static,
{
    fn into_stage_factory(self) -> StageFactory<S> {
        Arc::new(move || self().map_err(Into::into))
    }
}

macro_rules! stage_factories {
    ($($stage:ident),*) => {
        $(
            impl<T, F> IntoStageFactory<dyn $stage, kind::Plain<T>> for F
            where
                T: $stage + 'static,
                F: Fn() -> T + Send + Sync + 'static,
            {
                fn into_stage_factory(self) -> StageFactory<dyn $stage> {
                    Arc::new(move || Ok(Box::new(self())))
                }
            }

            impl<T, E, F> IntoStageFactory<dyn $stage, kind::Fallible<(T, E)>> for F
            where
                T: $stage + 'static,
                E: Into<StageError>,
                F: Fn() -> Result<T, E> + Send + Sync + 'static,
            {
                fn into_stage_factory(self) -> StageFactory<dyn $stage> {
                    Arc::new(move || Ok(Box::new(self().map_err(Into::into)?)))
                }
            }
        )*
    };
}

stage_factories!(Detector, Tracker, Embedder, Identifier, Classifier, AttributeFusion);
