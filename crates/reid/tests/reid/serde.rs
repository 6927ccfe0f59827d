//! The policy in a configuration file.
#![cfg(feature = "serde")]

use passerby_reid::GalleryPolicy;

#[test]
fn a_configuration_may_name_only_some_settings() {
    let policy: GalleryPolicy = serde_json::from_str(r#"{ "min_enroll_views": 1 }"#).unwrap();
    assert_eq!(policy, GalleryPolicy { min_enroll_views: 1, ..GalleryPolicy::default() });
}

#[test]
fn a_policy_survives_a_round_trip() {
    let policy = GalleryPolicy { max_persons: 7, ..GalleryPolicy::default() };
    let text = serde_json::to_string(&policy).unwrap();
    assert_eq!(serde_json::from_str::<GalleryPolicy>(&text).unwrap(), policy);
}
