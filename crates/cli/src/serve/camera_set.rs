//! The cameras of a running server, which come and go.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use passerby::capture::{Input, OpenSettings};
use passerby::pipeline::{EventReceiver, Handle, PipelineReport};
use passerby::types::{BoxError, CameraId};
use passerby::zones::ZoneBoard;
use passerby_config::CameraConfig;

use crate::advice::with_advice;
use crate::live_source::open_live;
use crate::output::Database;
use crate::stop::END_TIMEOUT;

/// The cameras of a running pipeline, by their names. A camera that comes back has a new number and its old name.
pub(super) struct CameraSet {
    board: ZoneBoard,
    database: Option<Database>,
    state: Mutex<State>,
}

struct State {
    /// `None` after the end.
    handle: Option<Handle>,
    cameras: Vec<RunningCamera>,
    /// The name of each number that was ever given.
    names: Vec<String>,
}

/// A camera of the configuration.
struct RunningCamera {
    /// `None` if its input could not be opened.
    id: Option<CameraId>,
    config: CameraConfig,
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
        let state = State { handle: Some(handle), cameras: Vec::new(), names: Vec::new() };
        Self { board, database, state: Mutex::new(state) }
    }

    /// Makes the running cameras those of a configuration. Cameras that it leaves as they are run on without a break. A camera that could not
    /// be opened before is tried again.
    pub(super) fn apply(&self, wanted: &[CameraConfig]) -> CameraChanges {
        let mut changes = CameraChanges::default();
        let mut state = self.lock();
        let wanted: Vec<&CameraConfig> = wanted.iter().filter(|camera| camera.enabled).collect();
        let mut before = std::mem::take(&mut state.cameras);
        before.retain(|camera| {
            let stays = wanted.iter().any(|other| other.name == camera.config.name);
            if !stays {
                self.end(&state, camera, Duration::ZERO);
                changes.removed.push(name(&camera.config).to_owned());
            }
            stays
        });
        for config in wanted {
            let place = before.iter().position(|camera| camera.config.name == config.name);
            let old = place.map(|place| before.remove(place));
            let camera = match old {
                Some(old) if old.id.is_some() && old.config.has_same_source(config) => {
                    if old.config.zones != config.zones {
                        self.rezone(&old, config, &mut changes);
                    }
                    RunningCamera { id: old.id, config: config.clone() }
                }
                Some(old) => {
                    // Many cameras refuse a second connection.
                    self.end(&state, &old, END_TIMEOUT);
                    changes.changed.push(name(config).to_owned());
                    self.begin(&mut state, config, &mut changes)
                }
                None => {
                    changes.added.push(name(config).to_owned());
                    self.begin(&mut state, config, &mut changes)
                }
            };
            state.cameras.push(camera);
        }
        changes
    }

    /// Returns a receiver of the pipeline's events, or `None` after the end.
    pub(super) fn events(&self) -> Option<EventReceiver> {
        self.lock().handle.as_ref().map(Handle::events)
    }

    /// Returns the name of a camera of this run, also of one that has ended.
    pub(super) fn name(&self, camera: CameraId) -> String {
        self.lock().names.get(camera.0 as usize).cloned().unwrap_or_else(|| camera.to_string())
    }

    /// Returns true if cameras were named and all of them have ended by themselves.
    pub(super) fn have_ended(&self) -> bool {
        let state = self.lock();
        let running = state.handle.as_ref().map_or_else(Vec::new, Handle::cameras);
        running.is_empty() && state.cameras.iter().any(|camera| camera.id.is_some())
    }

    /// Ends the cameras and the pipeline. Returns `None` if that was done before.
    pub(super) fn stop(&self) -> Option<PipelineReport> {
        let handle = self.lock().handle.take();
        handle.map(|handle| handle.stop(END_TIMEOUT))
    }

    fn begin(&self, state: &mut State, config: &CameraConfig, changes: &mut CameraChanges) -> RunningCamera {
        let opened = self.open(state, config);
        let id =
            opened.map_err(|e| changes.failed.push(format!("{}: {}", name(config), with_advice(&*e)))).ok();
        RunningCamera { id, config: config.clone() }
    }

    /// Opens a camera and adds it to the pipeline under the next number.
    ///
    /// # Errors
    /// The input cannot be opened, or the system has no more threads.
    fn open(&self, state: &mut State, config: &CameraConfig) -> Result<CameraId, BoxError> {
        let Some(handle) = &state.handle else { return Err("the program is ending".into()) };
        let input = Input::parse(config.input())?;
        let source = open_live(&input, &OpenSettings::default(), None, true)?;
        let id = CameraId(u32::try_from(state.names.len())?);
        state.names.push(name(config).to_owned());
        // Also for a camera without zones, so that it can get some while it runs.
        self.board.set(id, &config.zones)?;
        if let Some(database) = &self.database {
            database.name(id, name(config));
        }
        handle.add(id, source)?;
        Ok(id)
    }

    fn end(&self, state: &State, camera: &RunningCamera, timeout: Duration) {
        if let (Some(handle), Some(id)) = (&state.handle, camera.id) {
            handle.remove(id, timeout);
            self.board.remove(id);
        }
    }

    fn rezone(&self, old: &RunningCamera, config: &CameraConfig, changes: &mut CameraChanges) {
        let Some(id) = old.id else { return };
        match self.board.set(id, &config.zones) {
            Ok(()) => changes.zones.push(name(config).to_owned()),
            Err(e) => changes.failed.push(format!("{}: {e}", name(config))),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(config: &CameraConfig) -> &str {
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
