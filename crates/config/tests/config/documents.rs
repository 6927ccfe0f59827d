//! The documentation names every key of the file, and no other.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use passerby_config::{ServeConfig, key_tables};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Returns the name of a table as the documentation has it.
fn shown(table: &str) -> String {
    match table {
        "camera" => "`[[camera]]`".into(),
        "events.webhook" => "`[[events.webhook]]`".into(),
        "camera.zones.zones" => "`[camera.zones]` `zones`".into(),
        "camera.zones.lines" => "`[camera.zones]` `lines`".into(),
        table => format!("`[{table}]`"),
    }
}

#[test]
fn every_key_is_documented_and_no_other() {
    let Ok(page) = fs::read_to_string(Path::new(ROOT).join("docs/serve.md")) else {
        return; // The package is tested outside its repository.
    };
    let documented: BTreeSet<(String, String)> = page
        .lines()
        .filter(|line| line.starts_with("| `["))
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(str::trim);
            let table = cells.next().unwrap().to_owned();
            (table, cells.next().unwrap().trim_matches('`').to_owned())
        })
        .collect();
    let known: BTreeSet<(String, String)> = key_tables()
        .into_iter()
        .flat_map(|table| table.keys.iter().map(move |key| (shown(table.table), (*key).to_owned())))
        .collect();
    assert_eq!(known, documented);
    assert!(known.len() > 35, "{known:?}");
}

#[test]
fn the_example_of_deploy_names_every_key_but_those_of_zones() {
    let path = Path::new(ROOT).join("deploy/passerby.toml");
    let Ok(text) = fs::read_to_string(&path) else { return };
    ServeConfig::parse(&path, &text).unwrap();
    // Also with the defaults that it shows as comments.
    let shown: String = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(table) if table.starts_with('[') => format!("{table}\n"),
            Some(rest) if rest.split(' ').nth(1) == Some("=") && !rest.contains("_env") => {
                format!("{rest}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    let config = ServeConfig::parse(&path, &shown).unwrap();
    assert_eq!(config.cameras.len(), 2);
    assert!(config.events.mqtt.is_some() && config.events.webhook.len() == 1);
    for table in key_tables() {
        for key in table.keys {
            let is_there = text.contains(&format!("{key} = ")) || ["zones", "mqtt", "webhook"].contains(key);
            assert!(is_there, "{}.{key} is not in deploy/passerby.toml", table.table);
        }
    }
}
