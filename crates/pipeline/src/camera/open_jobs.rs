//! The face jobs of one camera that are open at the pools, and their results.

use std::sync::Arc;
use std::time::Duration;

use passerby_types::{Attributes, Embedding, StageError};
use passerby_workers::JobOutcome;

use crate::face_jobs::{FaceJob, FaceJobClient, FaceJobs, FaceResult};
use crate::figures::meter::CameraMeter;
use crate::sampling::sampler::ActiveStages;

/// How often a wait for a result checks whether the camera was abandoned.
const ABANDON_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The face jobs of one camera that are open at the pools, and the results that no frame has taken yet.
pub(crate) struct OpenJobs {
    embedding: Option<FaceJobClient<Embedding>>,
    classifying: Option<FaceJobClient<Attributes>>,
    meter: Arc<CameraMeter>,
    /// The embeddings that have arrived, in any order.
    pub(crate) embeddings: Vec<FaceResult<Embedding>>,
    /// The attribute estimates that have arrived, in any order.
    pub(crate) estimates: Vec<FaceResult<Attributes>>,
}

impl OpenJobs {
    /// Creates a camera without open jobs. A client is `None` if the pipeline lacks its stage.
    pub(crate) fn new(
        embedding: Option<FaceJobClient<Embedding>>,
        classifying: Option<FaceJobClient<Attributes>>,
        meter: Arc<CameraMeter>,
    ) -> Self {
        Self { embedding, classifying, meter, embeddings: Vec::new(), estimates: Vec::new() }
    }

    /// Returns the stages that take jobs.
    pub(crate) fn active_stages(&self) -> ActiveStages {
        ActiveStages {
            embed: self.embedding.as_ref().is_some_and(FaceJobClient::is_active),
            classify: self.classifying.as_ref().is_some_and(FaceJobClient::is_active),
        }
    }

    /// Sends the jobs of a frame and returns how many there were. If a pool is full, `wait` waits for room; without it the
    /// pool gives up its least urgent job instead.
    pub(crate) fn send(&self, jobs: &mut FaceJobs, wait: bool) -> usize {
        let count = jobs.embed.len() + jobs.classify.len();
        if let Some(client) = &self.embedding {
            jobs.embed.drain(..).for_each(|job| send(client, job, wait));
        }
        if let Some(client) = &self.classifying {
            jobs.classify.drain(..).for_each(|job| send(client, job, wait));
        }
        count
    }

    /// Takes the results that are there.
    pub(crate) fn collect_ready(&mut self) {
        while self.receive(Duration::ZERO) {}
    }

    /// Waits for the results of all open jobs, or until the camera is abandoned.
    pub(crate) fn collect_all(&mut self, is_abandoned: impl Fn() -> bool) {
        while self.count() > 0 && !is_abandoned() {
            self.receive(ABANDON_POLL_INTERVAL);
        }
    }

    /// Returns how many jobs are open.
    fn count(&self) -> usize {
        let embedding = self.embedding.as_ref().map_or(0, |client| client.jobs.outstanding());
        let classifying = self.classifying.as_ref().map_or(0, |client| client.jobs.outstanding());
        embedding + classifying
    }

    /// Takes at most one result of each stage. Waits for each no longer than `timeout`, and not at all for a stage without
    /// open jobs. Returns false if none came.
    fn receive(&mut self, timeout: Duration) -> bool {
        let embedding = self.embedding.as_ref().and_then(|client| client.jobs.recv_timeout(timeout));
        let estimate = self.classifying.as_ref().and_then(|client| client.jobs.recv_timeout(timeout));
        let any = embedding.is_some() || estimate.is_some();
        self.embeddings.extend(embedding.and_then(|outcome| result("embed", outcome, &self.meter)));
        self.estimates.extend(estimate.and_then(|outcome| result("classify", outcome, &self.meter)));
        any
    }
}

fn send<T>(client: &FaceJobClient<T>, job: FaceJob, wait: bool) {
    let priority = job.priority();
    if wait { client.jobs.send_wait(priority, job) } else { client.jobs.send(priority, job) }
}

/// Returns the result of a job, and counts a job that the pool gave up. Returns `None` if the worker panicked, because the
/// job is lost with it.
fn result<T>(
    stage: &'static str,
    outcome: JobOutcome<FaceJob, FaceResult<T>>,
    meter: &CameraMeter,
) -> Option<FaceResult<T>> {
    match outcome {
        JobOutcome::Done(result) => Some(result),
        JobOutcome::Evicted(job) => {
            meter.lock().evicted += 1;
            Some(FaceResult::Unanswered(job))
        }
        JobOutcome::Panicked(panic) => {
            meter.lock().fail(stage, &StageError::reset(stage, panic));
            None
        }
    }
}
