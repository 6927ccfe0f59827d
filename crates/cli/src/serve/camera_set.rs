//! The cameras of a running server, which come and go.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use passerby::capture::{Input, OpenSettings, SourceSwitch, SwitchedSource};
use passerby::pipeline::{EventReceiver, Handle, PipelineOutputs, PipelineReport};
use passerby::types::{BoxError, CameraId, FrameSource};
use passerby::zones::ZoneBoard;
use passerby_config::CameraConfig;

use crate::advice::with_advice;
use crate::live_source::open_live;
use crate::output::Database;
use crate::stop::END_TIMEOUT;

/// The cameras of a running pipeline, by their names. A camera keeps its number when it is paused or its source is changed. One that was
/// removed, or whose source has ended, comes back with a new number and its old name.
pub(super) struct CameraSet {
    board: ZoneBoard,
    database: Option<Database>,
    state: Mutex<CameraSetState>,
}

pub(super) struct CameraSetState {
    /// `None` after the end.
    pub(super) handle: Option<Handle>,
    pub(super) cameras: Vec<KnownCamera>,
    /// The name of each number that was ever given.
    names: Vec<String>,
}

/// A camera of the configuration or of the live page.
pub(super) struct KnownCamera {
    pub(super) id: CameraId,
    pub(super) config: CameraConfig,
    pub(super) status: CameraStatus,
    /// Pauses and replaces its source. `None` if it was never opened.
    pub(super) switch: Option<SourceSwitch>,
    /// True if the live page added it: then no configuration removes it.
    pub(super) is_of_page: bool,
}

/// The state of a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CameraStatus {
    /// It is in the pipeline, or has ended there.
    Running,
    /// The live page paused it.
    Paused,
    /// Its input could not be opened.
    Failed,
}

/// The changes by a new configuration. Each list has names of cameras.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct CameraChanges {
    pub(super) added: Vec<String>,
    pub(super) removed: Vec<String>,
    /// Those whose input or rotation changed, which were connected anew.
    pub(super) changed: Vec<String>,
    /// Those whose zones alone changed.
    pub(super) zones: Vec<String>,
    /// The lines about inputs that cannot be opened.
    pub(super) failed: Vec<String>,
}

impl CameraSet {
    /// Creates a set without cameras. `board` must be the one that the pipeline counts with.
    pub(super) fn new(handle: Handle, board: ZoneBoard, database: Option<Database>) -> Self {
        let state = CameraSetState { handle: Some(handle), cameras: Vec::new(), names: Vec::new() };
        Self { board, database, state: Mutex::new(state) }
    }

    /// Makes the running cameras those of a configuration, and those that the live page added. Cameras that it leaves as they are run on
    /// without a break, and paused ones stay so. A camera that could not be opened before is tried again.
    pub(super) fn apply(&self, wanted: &[CameraConfig]) -> CameraChanges {
        let mut changes = CameraChanges::default();
        let mut state = self.lock();
        let wanted: Vec<&CameraConfig> = wanted.iter().filter(|camera| camera.enabled).collect();
        let is_wanted = |camera: &KnownCamera| wanted.iter().any(|other| other.name == camera.config.name);
        let (mut before, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut state.cameras).into_iter().partition(is_wanted);
        let (of_page, removed): (Vec<_>, Vec<_>) = others.into_iter().partition(|camera| camera.is_of_page);
        for camera in removed {
            self.end(&state, &camera, Duration::ZERO);
            changes.removed.push(name(&camera.config).to_owned());
        }
        for config in wanted {
            let place = before.iter().position(|camera| camera.config.name == config.name);
            let known = match place.map(|place| before.remove(place)) {
                Some(old) => self.change(&mut state, old, config, &mut changes),
                None => {
                    changes.added.push(name(config).to_owned());
                    self.begin(&mut state, config, &mut changes)
                }
            };
            state.cameras.push(known);
        }
        state.cameras.extend(of_page);
        changes
    }

    /// Returns a receiver of the pipeline's events, or `None` after the end.
    pub(super) fn events(&self) -> Option<EventReceiver> {
        self.lock().handle.as_ref().map(Handle::events)
    }

    /// Returns the opener of the pipeline's outputs, or `None` after the end.
    pub(super) fn outputs(&self) -> Option<PipelineOutputs> {
        self.lock().handle.as_ref().map(Handle::outputs)
    }

    /// Returns the name of a camera of this run, also of one that has ended.
    pub(super) fn name(&self, camera: CameraId) -> String {
        self.lock().names.get(camera.0 as usize).cloned().unwrap_or_else(|| camera.to_string())
    }

    /// Returns true if there are cameras, and all of them have ended by themselves.
    pub(super) fn have_ended(&self) -> bool {
        let state = self.lock();
        let running = state.handle.as_ref().map_or_else(Vec::new, Handle::cameras);
        let is_over = |camera: &KnownCamera| camera.status == CameraStatus::Running;
        running.is_empty() && !state.cameras.is_empty() && state.cameras.iter().all(is_over)
    }

    /// Ends the cameras and the pipeline. Returns `None` if that was done before.
    pub(super) fn stop(&self) -> Option<PipelineReport> {
        let handle = self.lock().handle.take();
        handle.map(|handle| handle.stop(END_TIMEOUT))
    }

    /// Opens a camera and adds it to the pipeline under the next number. If it cannot be opened, it is known as failed, with a line in
    /// `changes`.
    pub(super) fn begin(
        &self,
        state: &mut CameraSetState,
        config: &CameraConfig,
        changes: &mut CameraChanges,
    ) -> KnownCamera {
        let id = CameraId(state.names.len() as u32);
        state.names.push(name(config).to_owned());
        self.open(state, id, config, changes)
    }

    /// Connects a camera that is paused or could not be opened again, or with another source. It keeps its number, unless the source that
    /// it had has ended.
    ///
    /// # Errors
    /// The input cannot be opened: the line about it. The camera stays as it is.
    pub(super) fn reconnect(
        &self,
        state: &mut CameraSetState,
        old: &KnownCamera,
        config: &CameraConfig,
    ) -> Result<KnownCamera, String> {
        let is_there = state.handle.as_ref().is_some_and(|handle| handle.cameras().contains(&old.id));
        let again = |id, status, switch| KnownCamera {
            id,
            config: config.clone(),
            status,
            switch,
            is_of_page: old.is_of_page,
        };
        let mut changes = CameraChanges::default();
        if let Some(switch) = old.switch.as_ref().filter(|_| is_there) {
            // Many cameras refuse a second connection.
            switch.pause(END_TIMEOUT);
            let fault = |e: BoxError| format!("{}: {}", name(config), with_advice(&*e));
            switch.play(source(config).map_err(fault)?);
            self.board.set(old.id, &config.zones).map_err(|e| fault(e.into()))?;
            return Ok(again(old.id, CameraStatus::Running, Some(switch.clone())));
        }
        let opened = match old.switch {
            // It has never been in the pipeline.
            None => self.open(state, old.id, config, &mut changes),
            Some(_) => {
                self.end(state, old, END_TIMEOUT);
                self.begin(state, config, &mut changes)
            }
        };
        match changes.failed.pop() {
            Some(line) => Err(line),
            None => Ok(again(opened.id, opened.status, opened.switch)),
        }
    }

    /// Ends a camera after the frames that are inside, and waits for that at most `timeout`.
    pub(super) fn end(&self, state: &CameraSetState, camera: &KnownCamera, timeout: Duration) {
        if let (Some(handle), Some(_)) = (&state.handle, &camera.switch) {
            handle.remove(camera.id, timeout);
        }
        self.board.remove(camera.id);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, CameraSetState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a camera to a new configuration of the same name.
    fn change(
        &self,
        state: &mut CameraSetState,
        mut old: KnownCamera,
        config: &CameraConfig,
        changes: &mut CameraChanges,
    ) -> KnownCamera {
        let is_same = old.config.has_same_source(config);
        if is_same && old.status != CameraStatus::Failed {
            if old.config.zones != config.zones {
                match self.board.set(old.id, &config.zones) {
                    Ok(()) => changes.zones.push(name(config).to_owned()),
                    Err(e) => changes.failed.push(format!("{}: {e}", name(config))),
                }
            }
            old.config = config.clone();
            old.is_of_page = false;
            return old;
        }
        if !is_same {
            changes.changed.push(name(config).to_owned());
        }
        if old.status == CameraStatus::Paused {
            old.config = config.clone();
            return old;
        }
        let mut known = self.reconnect(state, &old, config).unwrap_or_else(|line| {
            changes.failed.push(line);
            old.status = CameraStatus::Failed;
            KnownCamera { config: config.clone(), ..old }
        });
        known.is_of_page = false;
        known
    }

    /// Opens a camera and adds it to the pipeline. If that fails, it is known as failed, with a line in `changes`.
    fn open(
        &self,
        state: &CameraSetState,
        id: CameraId,
        config: &CameraConfig,
        changes: &mut CameraChanges,
    ) -> KnownCamera {
        let opened = self.add_to_pipeline(state, id, config);
        let (status, switch) = match opened {
            Ok(switch) => (CameraStatus::Running, Some(switch)),
            Err(e) => {
                changes.failed.push(format!("{}: {}", name(config), with_advice(&*e)));
                (CameraStatus::Failed, None)
            }
        };
        KnownCamera { id, config: config.clone(), status, switch, is_of_page: false }
    }

    /// # Errors
    /// The input cannot be opened, or the system has no more threads.
    fn add_to_pipeline(
        &self,
        state: &CameraSetState,
        id: CameraId,
        config: &CameraConfig,
    ) -> Result<SourceSwitch, BoxError> {
        let Some(handle) = &state.handle else { return Err("the program is ending".into()) };
        let (source, switch) = SwitchedSource::new(source(config)?);
        // Also for a camera without zones, so that it can get some while it runs.
        self.board.set(id, &config.zones)?;
        if let Some(database) = &self.database {
            database.name(id, name(config));
        }
        handle.add(id, source)?;
        Ok(switch)
    }
}

/// Opens the source of a camera.
///
/// # Errors
/// The input cannot be opened.
fn source(config: &CameraConfig) -> Result<Box<dyn FrameSource>, BoxError> {
    let input = Input::parse(config.input())?;
    Ok(open_live(&input, &OpenSettings::default(), None, true)?)
}

/// Returns the name of a camera, which the configuration of a server always has.
pub(super) fn name(config: &CameraConfig) -> &str {
    config.name.as_deref().unwrap_or_default()
}

impl CameraChanges {
    /// Returns a line, for example `added hall; removed yard`, or `None` if nothing changed.
    pub(super) fn line(&self) -> Option<String> {
        let lists = [
            ("added", &self.added),
            ("removed", &self.removed),
            ("connected anew", &self.changed),
            ("changed the zones of", &self.zones),
        ];
        let parts: Vec<String> = lists
            .into_iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(what, names)| format!("{what} {}", names.join(", ")))
            .collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}
