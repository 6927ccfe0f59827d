//! The parts that the threads of a pipeline share.

use std::sync::Arc;

use passerby_types::{CameraId, ChipPool, Clock, Face, ObservedFace, Recycler, StageError};
use passerby_workers::Sequencer;

use crate::figures::stage_timer::StageTimer;
use crate::identities::Identities;
use crate::output::fanout::{Fanout, Listeners};
use crate::output::writer_queue::WriterQueue;
use crate::pause_gate::PauseGate;
use crate::settings::PipelineSettings;
use crate::stages::Stages;

/// How many chips keep their memory while they are idle.
const MAX_IDLE_CHIPS: usize = 64;
/// How many lists of detected faces are kept for the frames between the detectors and the trackers.
const MAX_IDLE_DETECTIONS: usize = 256;

/// The parts that observe the frames of all cameras, in a [`Flow`](crate::Flow) and in a pipeline alike.
pub(crate) struct AnalysisContext {
    pub(crate) timer: Arc<StageTimer>,
    pub(crate) identities: Identities,
    pub(crate) chips: ChipPool,
    /// Empty lists for the faces of observations. An observation that was written or lost gives its list back.
    pub(crate) observed_lists: Arc<Recycler<Vec<ObservedFace>>>,
}

impl AnalysisContext {
    /// Makes the shared stages.
    ///
    /// # Errors
    /// The error of the identifier's or the fusion's factory.
    pub(crate) fn new(
        stages: &Stages,
        clock: Arc<dyn Clock>,
        observed_lists: Arc<Recycler<Vec<ObservedFace>>>,
    ) -> Result<Self, StageError> {
        let timer = Arc::new(StageTimer::new(clock));
        Ok(Self {
            identities: Identities::new(stages, &timer.stages, &timer.clock)?,
            chips: ChipPool::new(MAX_IDLE_CHIPS),
            observed_lists,
            timer,
        })
    }
}

/// The parts that the threads of a pipeline share.
pub(crate) struct Context {
    pub(crate) settings: PipelineSettings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) timer: Arc<StageTimer>,
    pub(crate) analysis: Arc<AnalysisContext>,
    /// Puts the frames of lossless cameras into one order.
    pub(crate) sequencer: Sequencer<CameraId>,
    pub(crate) fanout: Fanout,
    /// Empty lists for the faces that a detector finds.
    pub(crate) face_lists: Recycler<Vec<Face>>,
    pub(crate) gate: PauseGate,
}

impl Context {
    /// Makes the shared stages. `writer` is the writer's queue, or `None` without a sink.
    ///
    /// # Errors
    /// The error of the identifier's or the fusion's factory.
    pub(crate) fn new(
        stages: &Stages,
        settings: PipelineSettings,
        clock: Arc<dyn Clock>,
        listeners: Listeners,
        writer: Option<WriterQueue>,
    ) -> Result<Self, StageError> {
        let fanout = Fanout::new(listeners, writer);
        let analysis = AnalysisContext::new(stages, Arc::clone(&clock), Arc::clone(&fanout.lists))?;
        let analysis = Arc::new(analysis);
        Ok(Self {
            settings,
            timer: Arc::clone(&analysis.timer),
            sequencer: Sequencer::default(),
            fanout,
            face_lists: Recycler::new(MAX_IDLE_DETECTIONS),
            gate: PauseGate::default(),
            analysis,
            clock,
        })
    }
}
