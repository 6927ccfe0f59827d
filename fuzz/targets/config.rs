//! A configuration file: it is read, or refused with its name and one of its lines.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use passerby_config::{ConfigError, ServeConfig};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match ServeConfig::parse(Path::new("passerby.toml"), text) {
        Ok(config) => {
            for camera in &config.cameras {
                assert!(
                    camera.name.is_some() && !camera.input().is_empty(),
                    "a camera without a name or an input"
                );
            }
        }
        Err(ConfigError::Wrong { line, what, .. }) => {
            let lines = text.matches('\n').count() + 1;
            assert!((1..=lines).contains(&line), "line {line} of {lines}: {what}");
            assert!(!what.is_empty() && !what.contains('\n'), "{what:?}");
        }
        Err(error) => panic!("no file was read: {error}"),
    }
});
