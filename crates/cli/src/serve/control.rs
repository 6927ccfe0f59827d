//! Changes of the cameras from the live page.

use std::time::Duration;

use passerby::capture::Input;
use passerby::types::CameraId;
use passerby_config::CameraConfig;
use passerby_preview::{CameraControl, ControlError, ListedCamera};

use super::camera_set::{CameraChanges, CameraSet, CameraStatus, KnownCamera, name};
use crate::pictures::unique_name;
use crate::stop::END_TIMEOUT;

impl CameraControl for CameraSet {
    fn cameras(&self) -> Vec<ListedCamera> {
        let listed = |camera: &KnownCamera| ListedCamera {
            camera: camera.id,
            name: name(&camera.config).to_owned(),
            uri: shown(&camera.config),
            paused: camera.status == CameraStatus::Paused,
        };
        self.lock().cameras.iter().map(listed).collect()
    }

    /// Adds a camera, which stays until the program ends. No configuration removes it.
    fn add(&self, uri: &str, wanted: Option<&str>) -> Result<CameraId, ControlError> {
        let input = checked(uri).map_err(ControlError::Refused)?;
        let mut state = self.lock();
        let is_free = |text: &str| state.cameras.iter().all(|camera| name(&camera.config) != text);
        let chosen = match wanted.map(str::trim).filter(|text| !text.is_empty()) {
            Some(text) if text.chars().any(char::is_control) || text.len() > 200 => {
                return Err(ControlError::Refused("the name must be a short text".into()));
            }
            Some(text) if !is_free(text) => {
                return Err(ControlError::Refused(format!("{text} is the name of another camera")));
            }
            Some(text) => text.to_owned(),
            None => unique_name(&input.to_string(), is_free),
        };
        let config = CameraConfig {
            name: Some(chosen),
            uri: Some(uri.to_owned()),
            enabled: true,
            ..CameraConfig::default()
        };
        let mut changes = CameraChanges::default();
        let camera = self.begin(&mut state, &config, &mut changes);
        if let Some(line) = changes.failed.pop() {
            self.end(&state, &camera, Duration::ZERO);
            return Err(ControlError::Refused(line));
        }
        let id = camera.id;
        state.cameras.push(KnownCamera { is_of_page: true, ..camera });
        Ok(id)
    }

    /// Removes a camera. One of the configuration comes back when the file is read again.
    fn remove(&self, camera: CameraId) -> Result<(), ControlError> {
        let mut state = self.lock();
        let place = state.cameras.iter().position(|known| known.id == camera);
        let known = state.cameras.remove(place.ok_or(ControlError::Unknown(camera))?);
        self.end(&state, &known, Duration::ZERO);
        Ok(())
    }

    /// Disconnects a camera, which keeps its number.
    fn pause(&self, camera: CameraId) -> Result<(), ControlError> {
        let mut state = self.lock();
        let known = state.cameras.iter_mut().find(|known| known.id == camera);
        let known = known.ok_or(ControlError::Unknown(camera))?;
        known.status = CameraStatus::Paused;
        let switch = known.switch.clone();
        drop(state);
        if let Some(switch) = switch {
            switch.pause(END_TIMEOUT);
        }
        Ok(())
    }

    /// Connects a paused camera again. It has a new number only if its source had ended.
    fn resume(&self, camera: CameraId) -> Result<CameraId, ControlError> {
        let mut state = self.lock();
        let place = state.cameras.iter().position(|known| known.id == camera);
        let place = place.ok_or(ControlError::Unknown(camera))?;
        if state.cameras[place].status == CameraStatus::Running {
            return Ok(camera);
        }
        let old = state.cameras.remove(place);
        let config = old.config.clone();
        let again = self.reconnect(&mut state, &old, &config);
        let id = again.as_ref().map_or(camera, |again| again.id);
        let line = again.as_ref().err().cloned();
        state.cameras.insert(place, again.unwrap_or(old));
        line.map_or(Ok(id), |line| Err(ControlError::Refused(line)))
    }
}

/// Returns the address as it may be shown: without login, query and options.
fn shown(config: &CameraConfig) -> String {
    Input::parse(config.input()).map_or_else(|_| String::new(), |input| input.to_string())
}

/// Returns the input of an address from the page, which may name cameras alone: no file of this machine, no program, and no place of a
/// password, whose content would go to the address.
fn checked(uri: &str) -> Result<Input, String> {
    let scheme = uri.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase()).unwrap_or_default();
    let is_camera = ["rtsp", "rtsps", "http", "https", "webcam", "v4l", "scene"].contains(&scheme.as_str());
    let has_place = ["password-env", "password-file"].iter().any(|option| uri.contains(option));
    if !is_camera || has_place {
        return Err("only the address of a camera can be added here, such as rtsp://door.local/live".into());
    }
    let input = Input::parse(uri).map_err(|e| e.to_string())?;
    // A file may have the name of an address.
    if input.as_path().is_some() {
        return Err("this is a file and not a camera".into());
    }
    Ok(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_adds_cameras_alone() {
        for camera in
            ["rtsp://name:hunter2@door.local/live", "http://door.local/video.mjpg", "scene:people=2"]
        {
            assert!(checked(camera).is_ok(), "{camera}");
        }
        let refused = [
            "/etc/passwd",
            "clip.mp4?live=own",
            "ffmpeg:/etc/passwd",
            "rtsp://evil.example/#password-file=/etc/shadow",
            "rtsp://evil.example/#password-env=TOKEN",
            "",
        ];
        for other in refused {
            assert!(checked(other).is_err(), "{other}");
        }
    }

    #[test]
    fn an_address_is_shown_without_its_login() {
        let uri = Some("rtsp://name:hunter2@door.local/live".to_owned());
        let text = shown(&CameraConfig { uri, ..CameraConfig::default() });
        assert!(text.contains("door.local") && !text.contains("hunter2"), "{text}");
    }
}
