//! The settings in a configuration file.
#![cfg(feature = "serde")]

use passerby_track::{IouSettings, SortSettings};

#[test]
fn a_configuration_may_name_only_some_settings() {
    let sort: SortSettings = serde_json::from_str(r#"{ "strong_score": 0.5 }"#).unwrap();
    assert_eq!(sort, SortSettings { strong_score: 0.5, ..SortSettings::default() });
    let iou: IouSettings = serde_json::from_str(r#"{ "min_iou": 0.5 }"#).unwrap();
    assert_eq!(iou, IouSettings { min_iou: 0.5, ..IouSettings::default() });
}

#[test]
fn settings_survive_a_round_trip() {
    let sort = SortSettings { max_age: 7, ..SortSettings::default() };
    assert_eq!(serde_json::from_str::<SortSettings>(&serde_json::to_string(&sort).unwrap()).unwrap(), sort);
}
