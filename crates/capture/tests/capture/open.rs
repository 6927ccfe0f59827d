//! Inputs by their names.

use std::time::Duration;

#[cfg(feature = "mjpeg")]
use crate::camera;
use crate::common::{bytes, checksum, data, drain, golden};
use passerby_capture::{Input, OpenSettings, Scene, SceneCast, SceneCrowd, SceneSettings, open, open_with};
use passerby_types::{FrameSource, SourceError};

/// Returns the error for an input that is refused.
fn refused(text: &str) -> String {
    match Input::parse(text) {
        Err(e @ (SourceError::Malformed { .. } | SourceError::Unsupported { .. })) => e.to_string(),
        other => panic!("{text}: {other:?}"),
    }
}

#[cfg(not(any(feature = "libav", feature = "ffmpeg")))]
#[test]
fn a_foreign_codec_names_both_ways_to_read_it() {
    let error = open(data("tiny_mpeg4.mp4")).err().expect("no decoder for it");
    let text = error.to_string();
    assert!(text.contains("--features libav") && text.contains("installed ffmpeg program"), "{text}");
    assert_eq!(error.feature(), Some("libav"));
}

#[test]
fn inputs_are_shown_without_credentials() {
    let clip = data("tiny.mp4").display().to_string();
    let mut all = vec![
        (clip.clone(), clip.clone(), false),
        (format!("{clip}?live=own"), clip.clone(), true),
        (format!("{clip}?loop&offset=200ms,decoder=rusty"), clip.clone(), true),
        ("gone.mp4".into(), "gone.mp4".into(), false),
        ("frame?.png".into(), "frame?.png".into(), false),
        ("scene:people=5,seed=1".into(), "scene:people=5,seed=1".into(), false),
        ("scene:live=12".into(), "scene:live=12".into(), true),
        ("scene:".into(), "scene:".into(), false),
    ];
    if cfg!(feature = "rtsp") {
        all.push((
            "rtsp://me:my%40secret@camera:8554/live?channel=1&rate=3#transport=udp,damage&age=1s".into(),
            "rtsp://camera:8554/live".into(),
            true,
        ));
        all.push(("RTSP://camera/#frozen=never&attempts=3&stall=2.5".into(), "rtsp://camera/".into(), true));
    }
    if cfg!(feature = "mjpeg") {
        all.push((
            "http://me:secret@camera/cgi?rate=9#rate=5&connect=2s".into(),
            "http://camera/cgi".into(),
            true,
        ));
    }
    if cfg!(feature = "webcam") {
        all.push(("webcam:0?size=640x480&rate=15&pixels=YUYV&frozen=1s".into(), "webcam:0".into(), true));
        all.push(("v4l:/dev/video2".into(), "v4l:/dev/video2".into(), true));
    }
    if cfg!(feature = "ffmpeg") {
        all.push((
            "ffmpeg:srt://me:secret@camera:9000#hwaccel=vaapi".into(),
            "ffmpeg:srt://camera:9000".into(),
            true,
        ));
        all.push((format!("ffmpeg:{clip}#threads=0"), format!("ffmpeg:{clip}"), false));
    }
    for (text, shown, live) in all {
        let input = Input::parse(&text).unwrap();
        assert_eq!((input.to_string(), input.is_live()), (shown, live), "{text}");
        assert!(!format!("{input:?}").contains("secret"), "{text}");
    }
    assert_eq!(Input::parse(&clip).unwrap().as_path(), Some(data("tiny.mp4").as_path()));
}

#[test]
fn a_wrong_input_is_refused_with_advice() {
    let mut all = vec![
        ("clip.mp4?lop=1", "unknown option lop; a file takes live, loop, offset, decoder"),
        ("clip.mp4?live=fast", "option live=fast: expected own, or a number from 0.001 to 1000"),
        ("clip.mp4?loop=maybe", "option loop=maybe: expected on or off"),
        ("clip.mp4?offset=-1s", "option offset=-1s: expected a time"),
        ("clip.mp4?decoder=best", "option decoder=best: expected auto or rusty or openh264"),
        ("*.jpg?decoder=rusty", "unknown option decoder; a pattern takes live, loop, offset"),
        ("scene:people=many", "option people=many: expected a number from 0 to 1000"),
        ("scene:size=0x4", "option size=0x4: expected a size such as 1280x720"),
        ("scene:crowd=3", "unknown option crowd; a scene takes people, face, speed, seed"),
        ("gopher://me:secret@camera/", "ffmpeg:gopher://"),
        ("me:secret@camera/live", "…@camera: no such file; a camera's address begins with rtsp://"),
        ("rtsp:/me:secret@camera/", "…: an address begins with rtsp://"),
        ("rtsp://me:secret#1@camera/", "rtsp://camera/: an @ behind a #"),
        ("http://me:12#secret@camera/", "http://camera/: an @ behind a #"),
    ];
    if cfg!(feature = "rtsp") {
        all.push((
            "rtsp://me:secret@camera/#transport=pigeon",
            "option transport=pigeon: expected auto or tcp or udp",
        ));
        all.push((
            "rtsp://me:secret@camera/#rate=3",
            "unknown option rate; an RTSP camera takes password-env, password-file, transport, damage",
        ));
        all.push((
            "rtsp://me:secret@camera/#attempts=0",
            "option attempts=0: expected a number from 1 on, or ever",
        ));
        all.push(("rtsp://me:secret@camera:port/", "not an address"));
    } else {
        all.push(("rtsp://camera/", "RTSP cameras need the feature `rtsp`"));
    }
    if !cfg!(feature = "webcam") {
        all.push(("webcam:0", "cameras at this machine need the feature `webcam`"));
    }
    if cfg!(feature = "ffmpeg") {
        all.push(("ffmpeg:rtsp://me:secret#1@camera/", "ffmpeg:rtsp://camera/: an @ behind a #"));
        all.push((
            "ffmpeg:me:secret@camera",
            "ffmpeg:…@camera: no such file; an address begins with a scheme",
        ));
        all.push(("ffmpeg:rtsp:/me:secret@camera/", "ffmpeg:…@camera/: no such file"));
    } else {
        all.push(("ffmpeg:clip.mkv", "inputs of ffmpeg need the feature `ffmpeg`"));
    }
    for (text, says) in all {
        let said = refused(text);
        assert!(said.contains(says) && !said.contains("secret"), "{text}: {said}");
    }
}

#[test]
fn an_existing_file_takes_precedence() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["scene:people=5", "a[1]?loop=1", "clip*.mp4", "me:secret@camera", "a #1.mp4"] {
        let path = folder.path().join(name);
        std::fs::copy(data("tiny.mp4"), &path).unwrap();
        assert_eq!(drain(&mut *open(&path).unwrap()).frames.len(), 10, "{name}");
    }
    let looped = Input::parse(format!("{}?loop", folder.path().join("me:secret@camera").display())).unwrap();
    assert!(looped.is_live(), "{looped:?}");
    if cfg!(feature = "ffmpeg") {
        let input = Input::parse(format!("ffmpeg:{}", folder.path().join("a #1.mp4").display())).unwrap();
        assert_eq!(input.as_path(), Some(folder.path().join("a #1.mp4").as_path()));
    }
}

#[test]
fn patterns_and_folders_expand_to_their_files() {
    let folder = pictures_and_a_video();
    let pattern = |pattern: &str| folder.path().join(pattern).display().to_string();
    let names = |text: &str| {
        let inputs = Input::expand(text).unwrap();
        let name = |input: &Input| input.as_path().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        inputs.iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names(&pattern("b*")), ["b2.jpg", "b3.mp4", "b10.jpg"]);
    assert_eq!(names(&pattern("")), ["a.jpg", "b2.jpg", "b3.mp4", "b10.jpg"]);
    assert!(Input::expand(pattern("b?.jpg?live=2")).unwrap().iter().all(Input::is_live));
}

/// Creates a folder with three pictures and a video.
fn pictures_and_a_video() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["b2.jpg", "b10.jpg", "a.jpg"] {
        std::fs::copy(data("tiny.jpg"), folder.path().join(name)).expect("a copy");
    }
    std::fs::copy(data("tiny.mp4"), folder.path().join("b3.mp4")).expect("a copy");
    folder
}

#[test]
fn a_pattern_opens_its_pictures_as_one_source() {
    let folder = pictures_and_a_video();
    let pattern = |pattern: &str| folder.path().join(pattern).display().to_string();
    assert_eq!(drain(&mut *open(pattern("b*")).unwrap()).frames.len(), 2);
    assert_eq!(drain(&mut *open(pattern("*.mp4")).unwrap()).frames.len(), 10);
}

#[test]
fn a_pattern_of_several_videos_is_refused() {
    let folder = pictures_and_a_video();
    std::fs::copy(data("tiny.mp4"), folder.path().join("c.mp4")).unwrap();
    let pattern = |pattern: &str| folder.path().join(pattern).display().to_string();
    let many = open(pattern("*.mp4")).map(drop).unwrap_err().to_string();
    assert!(many.contains("matches 2 videos, but a source is one"), "{many}");
}

#[test]
fn a_pattern_without_matches_is_refused() {
    let folder = pictures_and_a_video();
    let pattern = |pattern: &str| folder.path().join(pattern).display().to_string();
    for gone in ["*.png", "none/*", "[z"] {
        let said = open(pattern(gone)).map(drop).unwrap_err().to_string();
        assert!(
            said.contains("no file matches") || said.contains("neither a file nor a pattern"),
            "{gone}: {said}"
        );
    }
}

#[test]
fn options_change_how_a_file_is_played() {
    let clip = data("tiny.mp4").display().to_string();
    let played = |options: &str| {
        let mut source = open(format!("{clip}?{options}")).unwrap();
        assert!(source.info().live);
        let mut next =
            || source.next_picture().unwrap().map(|picture| (picture.pts, checksum(&picture.image)));
        [next(), next(), next()]
    };
    let golden = golden("tiny");
    // At 500 pictures per second, from the fifth one on. The tenth is the last.
    let sums = |from: usize| [0, 1, 2].map(|n| Some(golden[(from + n) % golden.len()].1));
    let seen = played("live=500&offset=400ms");
    let first = golden.iter().position(|(time, _)| *time >= 400_000).unwrap();
    assert_eq!(seen.map(|picture| picture.map(|(_, sum)| sum)), sums(first));
    let seen = played("live=500&loop&offset=900ms");
    let first = golden.iter().position(|(time, _)| *time >= 900_000).unwrap_or(0);
    assert_eq!(seen.map(|picture| picture.map(|(_, sum)| sum)), sums(first));
    assert_eq!(seen[1].unwrap().0.unwrap() - seen[0].unwrap().0.unwrap(), Duration::from_millis(2));
}

#[test]
fn the_options_of_a_scene_are_its_settings() {
    let mut opened = open("scene:people=2,seed=7&size=320x180,frames=3,face=40,noise=0,fps=10").unwrap();
    let cast = SceneCast::Crowd(SceneCrowd { people: 2, face: 40.0..=40.0, ..SceneCrowd::default() });
    let mut made = Scene::new(SceneSettings {
        width: 320,
        height: 180,
        frames: 3,
        seed: 7,
        noise: 0,
        fps: 10.0,
        cast,
        ..SceneSettings::default()
    })
    .unwrap();
    assert_eq!(drain(&mut *opened).frames, drain(&mut made).frames);
    let said = open("scene:size=99999x10").map(drop).unwrap_err().to_string();
    assert!(said.contains("scene:size=99999x10") && said.contains("99999x10 is not possible"), "{said}");
}

/// The query belongs to the camera. The source connects at the first picture, and then keeps the camera going.
#[cfg(feature = "mjpeg")]
#[test]
fn a_camera_connects_at_its_first_picture() {
    use std::sync::{Arc, Mutex};

    let jpeg = bytes("tiny.jpg");
    let camera = camera::Camera::sending(camera::answer("200 OK", "Content-Type: image/jpeg\r\n", &jpeg));
    let address = format!("{}?rate=1&loop=yes#rate=200&attempts=2", camera.url());
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let on_reconnect = Arc::new(move |name: &str, event: &passerby_capture::ReconnectEvent<'_>| {
        seen.lock().unwrap().push(format!("{name}: {event:?}"));
    });
    let settings = OpenSettings { on_reconnect, ..OpenSettings::default() };
    let mut source = open_with(&address, &settings).unwrap();
    assert!(source.info().live && camera.requests().is_empty());
    assert!(source.next_picture().unwrap().is_some());
    assert_eq!(camera.requests()[0].path, "/video?rate=1&loop=yes");
    let name = source.info().name.clone();
    drop(camera);
    // Once as an interruption, and once as the end, at the second failure in a row.
    let ends: Vec<_> = (0..2).map(|_| source.next_picture()).collect();
    assert!(ends.iter().all(|end| matches!(end, Err(SourceError::Disconnected { .. }))), "{ends:?}");
    assert!(matches!(source.next_picture(), Ok(None)));
    let events = events.lock().unwrap();
    assert!(events.len() >= 3 && events.iter().all(|event| event.starts_with(&name)), "{events:?}");
}

/// Without reconnection, errors come at once.
#[cfg(feature = "rtsp")]
#[test]
fn a_camera_without_reconnection_connects_at_once() {
    let settings = OpenSettings { reconnect: None, ..OpenSettings::default() };
    let refused = open_with("rtsp://me:secret@127.0.0.1:9/#connect=2s", &settings).map(drop).unwrap_err();
    assert!(matches!(refused, SourceError::Disconnected { .. }), "{refused}");
    assert!(!refused.to_string().contains("secret"));
}

#[cfg(feature = "scene")]
#[test]
fn a_scene_has_the_limits_of_a_video() {
    let input = Input::parse("scene:size=20000x20000,frames=1").unwrap();
    let error = input.open(&OpenSettings::default()).err().expect("refused").to_string();
    assert!(error.contains("a scene of 20000x20000 pixels is over the limit of 9437184 pixels"), "{error}");
}

#[test]
fn no_part_of_an_address_that_may_be_secret_is_shown() {
    for text in [
        "rtsp://camera/live?passphrase=HUSH&access_token=HUSH",
        "http://camera/v?%70wd=HUSH&psw=HUSH",
        "rtmp://camera/live/HUSHHUSHHUSH",
        "//adm:HUSH@camera/x",
        "webcam:HUSH@x",
        "ffmpeg:srt://camera:1?passphrase=HUSH#format=HUSH",
        "rtsp://u:HUSH@camera/a/b#token=HUSH",
    ] {
        let shown = match Input::parse(text) {
            Ok(input) => format!("{input} {input:?}"),
            Err(e) => format!("{e} {e:?}"),
        };
        assert!(!shown.contains("HUSH"), "{text}: {shown}");
    }
}

#[cfg(unix)]
#[test]
fn a_name_cannot_control_a_terminal() {
    let input = Input::parse("a\x1b[2J\nb.mp4").unwrap();
    assert_eq!(input.to_string(), r"a\u{1b}[2J\nb.mp4");
    let error = input.open(&OpenSettings::default()).err().expect("no such file").to_string();
    assert!(error.starts_with(r"a\u{1b}[2J\nb.mp4: "), "{error}");
}

#[test]
fn every_input_can_be_turned() {
    let path = data("tiny.mp4").display().to_string();
    let jpeg = data("tiny.jpg").display().to_string();
    let first = |input: &str| {
        let mut source = open(input).unwrap();
        let size = source.next_picture().unwrap().unwrap().image;
        (size.width(), size.height())
    };
    let upright = first(&path);
    assert_eq!(first(&format!("{path}?rotate=90")), (upright.1, upright.0));
    assert_eq!(first(&format!("{path}?rotate=180&live=100")), upright);
    let upright = first(&jpeg);
    assert_eq!(first(&format!("{jpeg}?rotate=270")), (upright.1, upright.0));
    if cfg!(feature = "scene") {
        assert_eq!(first("scene:size=64x32,people=0,rotate=90"), (32, 64));
    }
    let folder = data("").display().to_string();
    let all = Input::expand(format!("{folder}?rotate=90")).unwrap();
    let turned = all.iter().find(|input| input.to_string().ends_with("tiny.mp4")).unwrap();
    let mut source = turned.open(&OpenSettings::default()).unwrap();
    assert!(source.next_picture().unwrap().unwrap().image.height() == 64, "each file of a folder, too");
    assert!(refused(&format!("{path}?rotate=45")).contains("90, 180 or 270"));
    #[cfg(feature = "rtsp")]
    assert!(Input::parse("rtsp://camera/#rotate=180").is_ok());
}

#[cfg(feature = "scene")]
#[test]
fn a_scene_has_limits() {
    for text in ["scene:size=20000x20000", "scene:size=1000000x10"] {
        let start = std::time::Instant::now();
        let error = open(text).map(drop).unwrap_err();
        assert!(matches!(error, SourceError::TooLarge { .. } | SourceError::Malformed { .. }), "{error}");
        assert!(start.elapsed().as_secs() < 5);
    }
}
