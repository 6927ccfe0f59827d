//! The messages about wrong files, word for word. No text makes the reader fail otherwise.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::fs;
use std::path::Path;

use passerby_config::{AttributeChoice, CadenceChoice, ConfigError, ServeConfig};
use proptest::prelude::*;

const DOOR: &str = "[[camera]]\nname = \"door\"\nuri = \"rtsp://name:hunter2@door.local/live\"\n";

fn parse(text: &str) -> Result<ServeConfig, ConfigError> {
    ServeConfig::parse(Path::new("/etc/passerby/passerby.toml"), text)
}

/// Returns the message about a text, after the name of the file.
fn said(text: &str) -> String {
    let error = parse(text).unwrap_err().to_string();
    assert!(!error.contains("hunter2"), "{error}");
    error.strip_prefix("/etc/passerby/passerby.toml:").unwrap().to_owned()
}

#[test]
fn a_wrong_key_is_named_with_the_right_one() {
    let cases = [
        ("[stage]\n", "1: stage: no such key; did you mean stages?"),
        ("[stages]\ntreshold = 0.5\n", "2: stages.treshold: no such key; did you mean threshold?"),
        ("[preview]\nadress = \"x\"\n", "2: preview.adress: no such key; did you mean address?"),
        (
            "[store]\n\n# more\nfile = \"x\"\n",
            "4: store.file: no such key; the keys are enabled, database, gallery, key_file, keep, keep_persons",
        ),
        ("[store]\ndb = \"x\"\n", "2: store.db: no such key; did you mean database?"),
        ("[events.mqtt]\nhots = \"a\"\n", "2: events.mqtt.hots: no such key; did you mean host?"),
        (
            "[events.mqtt]\nkinds = [\"persons\"]\n",
            "2: events.mqtt.kinds: expected one of person, track, line, zone, camera, faces, observation; did you mean person?",
        ),
        (
            "[events]\n[[events.webhook]]\nurl = \"door.local\"\n",
            "1: events.webhook.url: must begin with http:// or https://",
        ),
        (
            "[events]\n[events.mqtt]\ntopic_prefix = \"a/#\"\n",
            "1: events.mqtt: \"a/#\" has a character that topics must not have",
        ),
        ("camera = [{ nam = \"a\" }]\n", "1: camera.nam: no such key; did you mean name?"),
        ("[governor]\nworker = 4\n", "2: governor.worker: no such key; did you mean workers?"),
    ];
    for (text, expected) in cases {
        assert_eq!(said(text), expected, "{text}");
    }
    let line =
        format!("{DOOR}[camera.zones]\nlines = [\n  {{ name = \"gate\", form = [0, 0], to = [1, 1] }},\n]\n");
    assert_eq!(said(&line), "6: camera.zones.lines.form: no such key; did you mean from?");
}

#[test]
fn a_wrong_value_is_named_with_what_is_expected() {
    let cases = [
        ("[stages]\nthreshold = 1.5\n", "2: stages.threshold: expected a number from 0 to 1, not 1.5"),
        ("[stages]\nmin_face = \"hunter2\"\n", "2: stages.min_face: invalid type: text, expected f64"),
        (
            "[stages]\nprecision = \"flot\"\n",
            "2: stages.precision: expected one of float, int8; did you mean float?",
        ),
        (
            "[governor]\ncadence = \"often\"\n",
            "2: governor.cadence: expected \"auto\" or a number from 1 to 100",
        ),
        (
            "[governor]\ncadence = 0\n",
            "2: governor.cadence: expected \"auto\" or a number from 1 to 100, not 0",
        ),
        ("[preview]\naddress = \"hunter2\"\n", "2: preview.address: invalid socket address syntax"),
        ("[governor]\nworkers = 1000\n", "2: governor.workers: expected a number from 1 to 256, not 1000"),
        (
            "[preview]\ntoken_env = \"A\"\ntoken_file = \"b\"\n",
            "1: preview: has token_env and token_file; one of them is enough",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(said(text), expected, "{text}");
    }
    assert_eq!(said(&format!("{DOOR}rotate = 45\n")), "4: camera.rotate: expected 0, 90, 180 or 270, not 45");
}

#[test]
fn a_camera_needs_a_name_of_its_own_and_an_input() {
    assert_eq!(said("[[camera]]\nuri = \"scene:people=3\"\n"), "1: camera.name: is missing");
    assert_eq!(said("[[camera]]\nname = \"door\"\n"), "1: camera.uri: is missing for camera \"door\"");
    assert_eq!(said(&format!("{DOOR}\n{DOOR}")), "5: camera.name: \"door\" is the name of another camera");
    assert_eq!(
        said("[[camera]]\nname = \" \"\n"),
        "1: camera.name: must be a text without control characters"
    );
    let twice = format!("{DOOR}password_env = \"A\"\npassword_file = \"b\"\n");
    assert_eq!(said(&twice), "1: camera \"door\" has password_env and password_file; one of them is enough");
}

#[test]
fn a_wrong_zone_is_named() {
    let zones = "[camera.zones]\nzones = [{ name = \"counter\", polygon = [[0, 0], [1, 1]] }]\n";
    let expected =
        "1: camera.zones: the zone \"counter\" has 2 corners; a polygon needs at least 3, in camera \"door\"";
    assert_eq!(said(&format!("{DOOR}{zones}")), expected);
}

#[test]
fn a_text_that_is_not_toml_names_its_line() {
    let error = said("[stages]\nthreshold = = 1\n");
    assert!(error.starts_with("2: "), "{error}");
    // The reader's own message would show the line.
    let error = said("[[camera]]\nuri = \"rtsp://name:hunter2@door\n");
    assert!(error.starts_with("2: "), "{error}");
}

#[test]
fn a_time_to_keep_rows_has_a_unit_and_is_not_too_short() {
    let keep = |text: &str| parse(&format!("[store]\nkeep = {text}\n")).map(|config| config.store.keep);
    assert_eq!(keep("\"30d\"").unwrap(), Some(std::time::Duration::from_secs(30 * 86_400)));
    assert_eq!(keep("\"never\"").unwrap(), None);
    assert_eq!(said("[store]\nkeep = \"1s\"\n"), "2: store.keep: expected at least \"1min\", or \"never\"");
    let wrong = said("[store]\nkeep_persons = \"month\"\n");
    assert!(wrong.starts_with("2: store.keep_persons: ") && wrong.contains("\"1.5s\""), "{wrong}");
    assert!(said("[store]\nkeep = 30\n").starts_with("2: store.keep: "));
}

#[test]
fn a_file_without_keys_has_the_defaults() {
    let config = parse("").unwrap();
    assert_eq!(config, ServeConfig { store: config.store.clone(), ..ServeConfig::default() });
    assert_eq!(config.store.database, Path::new("/etc/passerby/passerby.sqlite"));
    assert_eq!(
        (config.stages.attributes, config.governor.cadence),
        (AttributeChoice::Full, CadenceChoice::Auto)
    );
    assert!(
        config.store.enabled
            && config.preview.enabled
            && config.preview.address.to_string() == "127.0.0.1:8088"
    );
}

#[test]
fn a_file_for_zones_needs_no_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zones.toml");
    fs::write(&path, "[[camera]]\n[camera.zones]\nmargin = 0.5\n").unwrap();
    let config = ServeConfig::load_zones(&path).unwrap();
    assert_eq!((config.cameras.len(), config.cameras[0].zones.margin), (1, 0.5));
    assert!(ServeConfig::load(&path).is_err());
    let missing = ServeConfig::load(&folder.path().join("none.toml")).unwrap_err();
    assert!(matches!(missing, ConfigError::Read { .. }), "{missing}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Texts of pieces of the file, in any order, are read or refused with a line of the text.
    #[test]
    fn any_text_is_read_or_refused_with_its_line(pieces in prop::collection::vec(prop_oneof![
        Just("[[camera]]\n"), Just("[camera.zones]\n"), Just("name = \"a\"\n"), Just("uri = \"scene:\"\n"),
        Just("rotate = 90\n"), Just("zones = [{ name = \"z\", polygon = [[0,0],[1,0],[1,1]] }]\n"), Just("[stages]\n"),
        Just("min_face = 9\n"), Just("cadence = 2\n"), Just("[preview]\n"), Just("= \"\n"), Just("camera = 1\n"), Just("}{"),
        Just("ä\n"), Just("nan = nan\n"), Just("margin = nan\n"), Just("x.y.z = {}\n"),
    ], 0..12)) {
        let text = pieces.concat();
        if let Err(error) = parse(&text) {
            let ConfigError::Wrong { line, .. } = error else { panic!("{error}") };
            prop_assert!(line <= text.matches('\n').count() + 1, "{text}: {line}");
        }
    }
}
