//! Every settings type in a configuration file: a file may name only some settings, the type survives a round trip and refuses
//! unknown names.
#![cfg(all(
    feature = "serde",
    feature = "video",
    feature = "images",
    feature = "scene",
    feature = "rtsp",
    feature = "mjpeg",
    feature = "sqlite",
    feature = "jsonl"
))]

use std::fmt::Debug;
use std::time::Duration;

use passerby::capture::{
    DecodeLimits, Decoder, ImagesSettings, MjpegSettings, OpenSettings, ReconnectSettings, RtspSettings,
    RtspTransport, SceneCast, SceneSettings, SceneWalk, SourceContext, VideoSettings, Waypoint,
};
use passerby::demographics::VoteSettings;
use passerby::detect::CenterFaceSettings;
use passerby::inference::{Device, Engine, Precision};
use passerby::pipeline::{FlowSettings, GovernorLimits, PipelineSettings, SamplingPolicy, WriterSettings};
use passerby::reid::GalleryPolicy;
use passerby::store::{JsonlSettings, SqliteSettings};
use passerby::track::{IouSettings, SortSettings};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads `change` as a configuration, and checks that it gives `expected`, and that both the default and the changed settings
/// survive a round trip. Settings with a clock or buffers have no equality, so their `Debug` text is compared.
fn check<T: Serialize + DeserializeOwned + Default + Debug>(change: &str, expected: T) {
    let read: T = serde_json::from_str(change).unwrap_or_else(|e| panic!("{change}: {e}"));
    assert_eq!(format!("{read:?}"), format!("{expected:?}"), "{change}");
    for settings in [expected, T::default(), serde_json::from_str("{}").expect("settings")] {
        let text = serde_json::to_string(&settings).expect("JSON");
        let again: T = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(format!("{again:?}"), format!("{settings:?}"), "{text}");
    }
    let default = format!("{:?}", T::default());
    assert_eq!(
        format!("{:?}", serde_json::from_str::<T>("{}").expect("settings")),
        default,
        "nothing is changed"
    );
    let unknown =
        serde_json::from_str::<T>(r#"{ "no_such_setting": 1 }"#).expect_err("an unknown name").to_string();
    assert!(unknown.contains("no_such_setting"), "{unknown}");
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn settings_of_the_pipeline() {
    check(
        r#"{ "detect_workers": 3, "reorder_timeout": "2s", "flow": { "cadence": 4 },
             "governor": { "workers": { "start": 1, "end": 4 } } }"#,
        PipelineSettings {
            detect_workers: 3,
            reorder_timeout: ms(2000),
            flow: FlowSettings { cadence: 4, ..FlowSettings::default() },
            governor: Some(GovernorLimits { workers: 1..=4, ..GovernorLimits::default() }),
            ..PipelineSettings::default()
        },
    );
    check(
        r#"{ "flush_interval": "1.5s" }"#,
        WriterSettings { flush_interval: ms(1500), ..WriterSettings::default() },
    );
    check(
        r#"{ "cadence": { "start": 2, "end": 3 } }"#,
        GovernorLimits { cadence: 2..=3, ..GovernorLimits::default() },
    );
}

#[test]
fn a_flow_changes_one_limit_of_each_sampling_policy() {
    check(
        r#"{ "embed": { "min_size": 40 }, "classify": { "min_gap": "1s" } }"#,
        FlowSettings {
            embed: SamplingPolicy { min_size: 40.0, ..SamplingPolicy::EMBED },
            classify: SamplingPolicy { min_gap: ms(1000), ..SamplingPolicy::CLASSIFY },
            ..FlowSettings::default()
        },
    );
    let wrong = serde_json::from_str::<FlowSettings>(r#"{ "embed": { "size": 40 } }"#).unwrap_err();
    assert!(wrong.to_string().contains("`size`"), "{wrong}");
}

#[test]
fn settings_of_the_default_stages() {
    let mut expected = passerby::Settings { engine: Engine::Prefer(Device::Cuda(1)), ..Default::default() };
    expected.detector.long_side = Some(640);
    expected.gallery.template_max_age = Duration::from_secs(86_400);
    check(
        r#"{ "detector": { "long_side": 640 }, "engine": { "prefer": "cuda:1" },
             "gallery": { "template_max_age": "1d" } }"#,
        expected,
    );
    check(
        r#"{ "precision": "int8" }"#,
        CenterFaceSettings { precision: Precision::Int8, ..CenterFaceSettings::default() },
    );
    check(r#"{ "max_persons": 5 }"#, GalleryPolicy { max_persons: 5, ..GalleryPolicy::default() });
    check(r#"{ "min_views": 7 }"#, VoteSettings { min_views: 7, ..VoteSettings::default() });
    check(r#"{ "max_age": 7 }"#, SortSettings { max_age: 7, ..SortSettings::default() });
    check(r#"{ "min_iou": 0.5 }"#, IouSettings { min_iou: 0.5, ..IouSettings::default() });
}

#[test]
fn settings_of_the_sinks() {
    check(
        r#"{ "busy_timeout": "3s" }"#,
        SqliteSettings { busy_timeout: ms(3000), ..SqliteSettings::default() },
    );
    check("{}", JsonlSettings::default());
}

#[test]
fn settings_of_network_cameras() {
    check(
        r#"{ "transport": "udp", "decoder": "rusty", "max_age": "200ms" }"#,
        RtspSettings {
            transport: RtspTransport::Udp,
            decoder: Decoder::Rusty,
            max_age: ms(200),
            ..RtspSettings::default()
        },
    );
    check(r#"{ "rate": 5.0 }"#, MjpegSettings { rate: 5.0, ..MjpegSettings::default() });
    #[cfg(feature = "ffmpeg")]
    {
        use passerby::capture::FfmpegSettings;
        check(r#"{ "threads": 2 }"#, FfmpegSettings { threads: 2, ..FfmpegSettings::default() });
    }
}

#[test]
fn settings_of_reconnection_can_say_never() {
    check(
        r#"{ "freeze_timeout": "never", "longest_wait": "1min" }"#,
        ReconnectSettings {
            freeze_timeout: None,
            longest_wait: Duration::from_secs(60),
            ..ReconnectSettings::default()
        },
    );
    check(
        r#"{ "reconnect": { "max_attempts": 3 } }"#,
        OpenSettings {
            reconnect: Some(ReconnectSettings { max_attempts: Some(3), ..ReconnectSettings::default() }),
            ..OpenSettings::default()
        },
    );
    check(r#"{ "reconnect": null }"#, OpenSettings { reconnect: None, ..OpenSettings::default() });
}

#[test]
fn settings_of_files_and_scenes() {
    let limits = DecodeLimits { picture_pixels: 1000, ..DecodeLimits::default() };
    let context = SourceContext { limits, ..SourceContext::default() };
    let change = r#"{ "context": { "limits": { "picture_pixels": 1000 } } }"#;
    check(change, VideoSettings { context: context.clone(), ..VideoSettings::default() });
    check(change, ImagesSettings { context });
    check(r#"{ "samples": 9 }"#, DecodeLimits { samples: 9, ..DecodeLimits::default() });
    let walk = SceneWalk {
        portrait: passerby::capture::Portrait::Astronaut,
        path: vec![Waypoint::new(0.0, 100.0, 80.0, 60.0)],
    };
    check(
        r#"{ "fps": 5.0, "cast": { "script": [
            { "portrait": "astronaut", "path": [{ "time": 0.0, "x": 100.0, "y": 80.0, "face": 60.0 }] }] } }"#,
        SceneSettings { fps: 5.0, cast: SceneCast::Script(vec![walk]), ..SceneSettings::default() },
    );
}
