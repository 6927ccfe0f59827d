//! The contracts of the stages. Batch first: `out[i]` belongs to `in[i]`, and an empty batch is fine.
//!
//! The caller lends what the answers are written to, and the same memory again for the next batch: a stage that keeps its
//! own buffers allocates nothing in the steady state. What stands in it is left over from another batch, maybe of another
//! camera, and none of it may be left after a call that went well. After an error it is not looked at.
//!
//! One instance works on one thread; a pool makes one instance a worker with a [`StageFactory`], and what is
//! immutable (weights) is shared behind it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{
    Attributes, CancelHandle, Embedding, ErrorClass, Face, FaceChip, Frame, FrameMeta, Identity, Observation,
    Picture, Sighting, SinkError, SourceError, StageError, TrackKey, TrackUpdate,
};

/// Makes the instances of a stage: one at the start of each worker, and a new one after a failure. A clone is the same
/// factory.
pub type StageFactory<S> = Arc<dyn Fn() -> Result<Box<S>, StageError> + Send + Sync>;

/// What a source says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceInfo {
    /// What to call the camera: the file's name, the address without credentials.
    pub name: String,
    /// True where frames come at their own pace and a late reader misses some; false for files, of which nothing
    /// may be lost.
    pub live: bool,
    /// Frames a second, where the stream says so. A hint: time stamps decide.
    pub frame_rate: Option<f64>,
    /// How many frames there are, where the stream says so. A hint.
    pub frames: Option<u64>,
}

/// A camera, a file, anything that gives one picture after another.
pub trait FrameSource: Send {
    /// The next picture in display order; `Ok(None)` at the end, and at every call after it.
    ///
    /// # Errors
    /// As [`SourceError::class`] says. `Skip`: so many frames were lost, ask again. `Reset`: the connection broke; ask
    /// again: a source that reconnects goes on when it can, any other gives `Ok(None)` from then on. `Fatal`: the
    /// source is done; every call after it gives `Ok(None)`.
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError>;

    /// What the source says of itself.
    fn info(&self) -> &SourceInfo;

    /// What ends the source from another thread, for those that may wait for a picture for long. `None`: nothing does,
    /// and whoever stops it has to wait for the next picture or leave the thread behind.
    fn cancel_handle(&self) -> Option<CancelHandle> {
        None
    }
}

impl<S: FrameSource + ?Sized> FrameSource for Box<S> {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        (**self).next_picture()
    }

    fn info(&self) -> &SourceInfo {
        (**self).info()
    }

    fn cancel_handle(&self) -> Option<CancelHandle> {
        (**self).cancel_handle()
    }
}

/// Finds faces in single frames.
pub trait Detector: Send {
    /// Writes the faces of `frames[i]` to `faces[i]`, best score first, in pixels of the upright picture. A frame without a
    /// face gets an empty list. Frames may differ in size, layout and camera.
    ///
    /// There are as many lists as frames. Implementers: clear each list first, since there may be faces of another frame in
    /// it. Hold no state from one frame to the next; a pool hands frames of all cameras to any instance.
    ///
    /// # Errors
    /// `Skip`: the frames of this batch are dropped and counted. `Reset`: they are, and the instance is rebuilt.
    /// `Fatal`: the cameras of this batch stop.
    fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError>;
}

/// Follows faces through the frames of one camera.
pub trait Tracker: Send {
    /// Takes the faces of the next frame, or `None` for a frame that was not detected on, over which the tracks
    /// coast, and writes to `out` where every live track is and which ended.
    ///
    /// Implementers: clear `out` first, since there may be an earlier frame's tracks in it.
    ///
    /// `meta.seq` rises from call to call; a gap stands for that many frames without detection. A frame whose
    /// `seq` does not rise is handled as the one after the last.
    fn update(&mut self, meta: &FrameMeta, faces: Option<&[Face]>, out: &mut TrackUpdate);
}

/// Turns faces into directions in which near means alike.
pub trait Embedder: Send {
    /// Writes the embedding of `chips[i]` to `out[i]`; `None` for a face that cannot be aligned (no landmarks, or landmarks
    /// that fit no face).
    ///
    /// There are as many places as chips. Implementers: write every one. [`Embedding::new_in`] makes embeddings whose memory
    /// comes back.
    ///
    /// # Errors
    /// `Skip`: these chips get no embedding now. `Reset`: the same, and the instance is rebuilt. `Fatal`: embedding
    /// stops for good.
    fn embed(&mut self, chips: &[FaceChip], out: &mut [Option<Embedding>]) -> Result<(), StageError>;
}

/// Estimates age and gender from single views.
pub trait Classifier: Send {
    /// Writes the attributes of `chips[i]` to `out[i]`; `None` for a face that cannot be aligned. There are as many places as
    /// chips. Implementers: write every one.
    ///
    /// # Errors
    /// As for [`Embedder::embed`].
    fn classify(&mut self, chips: &[FaceChip], out: &mut [Option<Attributes>]) -> Result<(), StageError>;
}

/// Says who a track is. One owner over all cameras.
pub trait Identifier: Send {
    /// Takes what was seen in one frame, at most one sighting a track, and decides who their tracks are; ask
    /// [`Identifier::identity`] for it. `visible` names every track in that frame: two of them are never the same person.
    fn identify(&mut self, sightings: &[Sighting], visible: &[TrackKey]);

    /// Who a track is as far as is known. [`Identity::Pending`] for one never seen. May change between sightings,
    /// where persons are merged, say.
    fn identity(&self, track: TrackKey) -> Identity;

    /// The track ended: nothing more of it will come. One never seen is fine.
    fn end(&mut self, track: TrackKey);
}

/// Settles the attributes of a track from many single estimates. One owner over all cameras.
pub trait AttributeFusion: Send {
    /// Adds one estimate of a track with the quality of its view, 0 to 1. Ask [`AttributeFusion::attributes`] for the
    /// result.
    fn fuse(&mut self, track: TrackKey, estimate: &Attributes, quality: f32);

    /// Returns the attributes of a track over all its estimates, or `None` while too little is known of it.
    fn attributes(&self, track: TrackKey) -> Option<Attributes>;

    /// The track ended: its state may go. One never seen is fine.
    fn end(&mut self, track: TrackKey);
}

/// Takes what the pipeline has found.
pub trait Sink: Send {
    /// Takes a batch, in order for each camera. All of it or nothing is written.
    ///
    /// # Errors
    /// `Skip`: this batch cannot be written and is counted as lost. `Reset`: nothing was written, the same call may
    /// succeed later. `Fatal`: this sink is done for.
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError>;

    /// Makes everything written so far durable. Called at the end, and whenever the caller wants to be sure.
    ///
    /// # Errors
    /// As for [`Sink::write`].
    fn flush(&mut self) -> Result<(), SinkError>;
}

/// A sink that others hold too: several pipelines write into one, and whoever made it can still ask it things.
///
/// Every call waits for the calls of the others. Once one has panicked the sink is in an unknown state, and every call is
/// a `Fatal` error.
impl<S: Sink + ?Sized> Sink for Arc<Mutex<S>> {
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
        self.lock().map_err(broken)?.write(batch)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.lock().map_err(broken)?.flush()
    }
}

fn broken<S: ?Sized>(_: PoisonError<MutexGuard<'_, S>>) -> SinkError {
    SinkError::new(ErrorClass::Fatal, "shared sink", "an earlier call panicked")
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Counts its calls, and panics where it is told to.
    #[derive(Default)]
    struct Counting {
        writes: u64,
        flushes: u64,
        breaks: bool,
    }

    impl Sink for Counting {
        fn write(&mut self, _: &[Observation]) -> Result<(), SinkError> {
            assert!(!self.breaks, "as told");
            self.writes += 1;
            Ok(())
        }

        fn flush(&mut self) -> Result<(), SinkError> {
            self.flushes += 1;
            Ok(())
        }
    }

    #[test]
    fn a_shared_sink_takes_what_several_write_and_is_its_makers_again_afterwards() {
        let shared = Arc::new(Mutex::new(Counting::default()));
        thread::scope(|scope| {
            for _ in 0..4 {
                let mut sink: Box<dyn Sink> = Box::new(Arc::clone(&shared));
                scope.spawn(move || {
                    (0..100).for_each(|_| sink.write(&[]).unwrap());
                    sink.flush().unwrap();
                });
            }
        });
        let sink = Arc::into_inner(shared).unwrap().into_inner().unwrap();
        assert_eq!((sink.writes, sink.flushes), (400, 4));
    }

    #[test]
    fn after_a_panic_in_it_a_shared_sink_is_done_for() {
        let shared = Arc::new(Mutex::new(Counting { breaks: true, ..Counting::default() }));
        let mut other = Arc::clone(&shared);
        thread::scope(|scope| scope.spawn(move || other.write(&[])).join().unwrap_err());
        let mut sink = shared;
        assert_eq!(sink.write(&[]).unwrap_err().class(), ErrorClass::Fatal);
        assert_eq!(sink.flush().unwrap_err().to_string(), "shared sink: an earlier call panicked");
    }
}
