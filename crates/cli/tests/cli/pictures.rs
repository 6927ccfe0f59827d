//! Runs `passerby analyze` with --pictures, --contact-sheet and --annotate as its users do: the names, the content and the safety of the
//! pictures and videos.

#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::PORTRAITS;

const VIDEO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../capture/tests/data/tiny.mp4");

fn analyze(args: &[&Path], pictures: &Path, options: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_passerby"));
    program
        .args(["analyze", "--quiet", "--pictures"])
        .arg(pictures)
        .args(options)
        .args(args)
        .output()
        .unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// Two photographs of one name, in two folders.
fn two_photographs(folder: &Path) -> [std::path::PathBuf; 2] {
    [("a", "obama"), ("b", "biden")].map(|(place, who)| {
        let path = folder.join(place).join("face.jpg");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(format!("{PORTRAITS}/{who}.jpg"), &path).unwrap();
        path
    })
}

#[test]
fn photographs_become_annotated_pictures_and_a_contact_sheet() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let photographs = two_photographs(folder.path());
    let before: Vec<_> = photographs.iter().map(|path| fs::read(path).unwrap()).collect();
    let done = analyze(&[&photographs[0], &photographs[1]], &out, &["--json"]);
    let (said, notes) = (text(done.stdout), text(done.stderr));
    assert_eq!(done.status.code(), Some(0), "{said} {notes}");
    serde_json::from_str::<serde_json::Value>(&said).unwrap();
    assert!(notes.contains("2 pictures and a contact sheet of 2 persons are in "), "{notes}");
    assert_eq!(names(&out), ["contact-sheet.jpg", "face-2-annotated.jpg", "face-annotated.jpg"]);
    for (path, before) in photographs.iter().zip(&before) {
        assert_eq!(&fs::read(path).unwrap(), before, "an input stays as it is");
    }
    let original = passerby::read_image(&photographs[0]).unwrap();
    let drawn = passerby::read_image(out.join("face-annotated.jpg")).unwrap();
    assert_eq!((drawn.width(), drawn.height()), (original.width(), original.height()));
    // Person 1 is orange.
    let orange = |pixel: &&[u8]| pixel.iter().zip([230_u8, 159, 0]).all(|(a, b)| a.abs_diff(b) < 12);
    let count = |image: &passerby::types::Image| image.to_rgb().chunks_exact(3).filter(orange).count();
    assert!(count(&drawn) > 500 + count(&original), "{} {}", count(&drawn), count(&original));
    assert!(passerby::read_image(out.join("contact-sheet.jpg")).unwrap().width() > 600);

    let blurred = folder.path().join("blurred");
    let done = analyze(&[&photographs[0]], &blurred, &["--blur"]);
    assert_eq!(done.status.code(), Some(0));
    let blurred = passerby::read_image(blurred.join("face-annotated.jpg")).unwrap();
    assert_eq!(passerby::faces(&blurred).unwrap().len(), 0, "the detector finds no face any more");
    assert_eq!(passerby::faces(&drawn).unwrap().len(), 1);
}

#[test]
fn a_video_becomes_one_picture_in_each_interval() {
    let folder = tempfile::tempdir().unwrap();
    let done = analyze(&[Path::new(VIDEO)], folder.path(), &["--pictures-every", "0.2"]);
    assert_eq!(done.status.code(), Some(0), "{}", text(done.stderr));
    let pictures = names(folder.path());
    assert!(pictures.contains(&"contact-sheet.jpg".into()), "{pictures:?}");
    assert!(pictures.contains(&"tiny-00000.00s.jpg".into()), "{pictures:?}");
    assert!(pictures.iter().all(|name| !name.ends_with(".part")), "{pictures:?}");
    let times: Vec<f64> = pictures
        .iter()
        .filter_map(|name| name.strip_prefix("tiny-")?.strip_suffix("s.jpg")?.parse().ok())
        .collect();
    assert_eq!(times.len() + 1, pictures.len());
    assert!(times.len() > 1 && times.is_sorted_by(|a, b| b - a > 0.19), "{times:?}");
}

#[test]
fn a_folder_that_holds_an_input_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let photographs = two_photographs(folder.path());
    let inside = photographs[0].parent().unwrap();
    for input in [photographs[0].as_path(), inside] {
        let done = analyze(&[input], inside, &[]);
        let complaint = text(done.stderr);
        assert_eq!(done.status.code(), Some(2));
        assert!(complaint.contains("the folder holds inputs; name another one"), "{complaint}");
        assert_eq!(names(inside), ["face.jpg"]);
    }
}

#[test]
fn blur_without_pictures_is_refused() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_passerby"));
    let done = program.args(["analyze", "--blur", VIDEO]).output().unwrap();
    let complaint = text(done.stderr);
    assert_eq!((done.status.code(), complaint.lines().count()), (Some(2), 1));
    assert!(complaint.contains("--pictures FOLDER"), "{complaint}");
}

/// Runs `analyze` in a folder.
fn analyze_in(folder: &Path, args: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_passerby"));
    program.current_dir(folder).args(["analyze", "--quiet"]).args(args).output().unwrap()
}

#[test]
fn a_contact_sheet_needs_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let [photograph, _] = two_photographs(folder.path());
    let done = analyze_in(folder.path(), &["--contact-sheet", "persons.png", photograph.to_str().unwrap()]);
    let notes = text(done.stderr);
    assert_eq!(done.status.code(), Some(0), "{notes}");
    assert!(notes.contains("a contact sheet of 1 person is persons.png"), "{notes}");
    assert!(passerby::read_image(folder.path().join("persons.png")).unwrap().width() > 300);
    assert_eq!(names(folder.path()), ["a", "b", "persons.png"]);
}

#[test]
fn a_contact_sheet_never_overwrites_an_input() {
    let folder = tempfile::tempdir().unwrap();
    let [photograph, _] = two_photographs(folder.path());
    let before = fs::read(&photograph).unwrap();
    let done = analyze_in(folder.path(), &["--contact-sheet", "a/face.jpg", "a/face.jpg"]);
    let complaint = text(done.stderr);
    assert_eq!(done.status.code(), Some(2));
    assert!(complaint.contains("--contact-sheet a/face.jpg: is the file of the input"), "{complaint}");
    assert_eq!(fs::read(&photograph).unwrap(), before);
}

#[cfg(not(feature = "mp4"))]
#[test]
fn without_an_encoder_the_feature_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let done = analyze_in(folder.path(), &["--annotate", "seen.mp4", VIDEO]);
    assert_eq!(done.status.code(), Some(2));
    assert!(text(done.stderr).contains("--features mp4"));
    assert!(names(folder.path()).is_empty());
}

#[cfg(feature = "mp4")]
mod video {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    use passerby::types::{FrameSource, Image, Picture};

    use super::*;

    /// Two people in 60 small frames.
    const SCENE: &str = "scene:people=2,face=60,seed=3,size=320x180,frames=60";

    fn pictures(input: impl AsRef<std::ffi::OsStr>) -> Vec<Picture> {
        passerby::capture::open(input).unwrap().pictures().collect::<Result<_, _>>().unwrap()
    }

    /// Returns the number of pixels that differ by more than encoding changes them.
    fn changed(a: &Image, b: &Image) -> usize {
        let differs = |(a, b): (&[u8], &[u8])| a.iter().zip(b).any(|(a, b)| a.abs_diff(*b) > 60);
        let (a, b) = (a.to_rgb(), b.to_rgb());
        a.chunks_exact(3).zip(b.chunks_exact(3)).filter(|pair| differs(*pair)).count()
    }

    #[test]
    fn every_frame_is_in_the_video_at_its_own_time_with_its_boxes() {
        let folder = tempfile::tempdir().unwrap();
        let zones =
            "[[camera]]\n[camera.zones]\nlines = [{ name = \"gate\", from = [0.9, 0.9], to = [0.9, 0.1] }]\n";
        fs::write(folder.path().join("zones.toml"), zones).unwrap();
        let args = ["--cadence", "3", "--zones", "zones.toml", "--annotate", "seen.mp4", SCENE];
        let done = analyze_in(folder.path(), &args);
        let notes = text(done.stderr);
        assert_eq!(done.status.code(), Some(0), "{notes}");
        assert!(notes.contains("60 frames are in seen.mp4"), "{notes}");
        let (before, after) = (pictures(SCENE), pictures(folder.path().join("seen.mp4")));
        assert_eq!((before.len(), after.len()), (60, 60));
        for (a, b) in before.iter().zip(&after) {
            assert!(a.pts.unwrap().abs_diff(b.pts.unwrap()) < Duration::from_micros(12), "{a:?} {b:?}");
            assert_eq!((a.image.width(), a.image.height()), (b.image.width(), b.image.height()));
            let white = b.image.rgb_at(286, 90);
            assert!(white.iter().all(|c| *c > 180), "the line at {:?}: {white:?}", b.pts);
        }
        // Beside the line, a box and its label as soon as its track is confirmed.
        let first = changed(&before[0].image, &after[0].image);
        let later = changed(&before[8].image, &after[8].image);
        assert!(later > first + 600, "{first} {later}");
    }

    #[test]
    fn a_blurred_video_has_no_faces() {
        let folder = tempfile::tempdir().unwrap();
        let done = analyze_in(folder.path(), &["--blur", "--annotate", "blurred.mp4", SCENE]);
        assert_eq!(done.status.code(), Some(0), "{}", text(done.stderr));
        let faces = |pictures: Vec<Picture>| -> usize {
            let found = pictures.iter().take(8).map(|picture| passerby::faces(&picture.image).unwrap().len());
            found.sum()
        };
        assert!(faces(pictures(SCENE)) > 0);
        assert_eq!(faces(pictures(folder.path().join("blurred.mp4"))), 0);
    }

    #[test]
    fn several_inputs_have_a_video_each_and_photographs_none() {
        let folder = tempfile::tempdir().unwrap();
        let [photograph, _] = two_photographs(folder.path());
        let done =
            analyze_in(folder.path(), &["--annotate", "out", VIDEO, photograph.to_str().unwrap(), VIDEO]);
        let notes = text(done.stderr);
        assert_eq!(done.status.code(), Some(0), "{notes}");
        assert_eq!(names(&folder.path().join("out")), ["tiny-2.mp4", "tiny.mp4"]);
        let frames = pictures(VIDEO).len();
        assert!(notes.contains(&format!("{} frames are in 2 videos in out", 2 * frames)), "{notes}");
        for name in ["out/tiny.mp4", "out/tiny-2.mp4"] {
            assert_eq!(pictures(folder.path().join(name)).len(), frames);
        }
    }

    #[test]
    fn a_photograph_alone_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let [photograph, _] = two_photographs(folder.path());
        let done = analyze_in(folder.path(), &["--annotate", "seen.mp4", photograph.to_str().unwrap()]);
        let notes = text(done.stderr);
        assert_eq!(done.status.code(), Some(0), "{notes}");
        assert!(notes.contains("no video came, so seen.mp4 was not written"), "{notes}");
        assert_eq!(names(folder.path()), ["a", "b"]);
    }

    #[test]
    fn an_input_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(VIDEO, folder.path().join("door.mp4")).unwrap();
        let before = fs::read(VIDEO).unwrap();
        fs::create_dir(folder.path().join("out")).unwrap();
        fs::hard_link(folder.path().join("door.mp4"), folder.path().join("out/tiny.mp4")).unwrap();
        for args in [&["--annotate", "./door.mp4", "door.mp4"][..], &["--annotate", "out", VIDEO, "door.mp4"]]
        {
            let done = analyze_in(folder.path(), args);
            let complaint = text(done.stderr);
            assert_eq!(done.status.code(), Some(2), "{complaint}");
            assert!(
                complaint.contains("--annotate ") && complaint.contains("the input door.mp4"),
                "{complaint}"
            );
            assert_eq!(fs::read(folder.path().join("door.mp4")).unwrap(), before);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_named_and_its_frames_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let done = analyze_in(folder.path(), &["--annotate", "/dev/full", "--csv", "faces.csv", VIDEO]);
        let complaint = text(done.stderr);
        assert_eq!(done.status.code(), Some(2), "{complaint}");
        let frames = pictures(VIDEO).len();
        let lost = format!("/dev/full: {frames} of {frames} frames not written: No space left on device");
        assert!(complaint.contains(&lost), "{complaint}");
        assert!(fs::metadata(folder.path().join("faces.csv")).unwrap().len() > 0, "the other outputs go on");
    }

    #[cfg(unix)]
    #[test]
    fn an_interrupted_run_leaves_a_video_that_plays() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("seen.mp4");
        let mut program = Command::new(env!("CARGO_BIN_EXE_passerby"));
        let scene = "scene:people=1,face=60,seed=3,size=320x180,frames=100000";
        program.current_dir(folder.path()).args(["analyze", "--quiet", "--annotate", "seen.mp4", scene]);
        let child = program.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let begun = Instant::now();
        // The first segment is written with the key frame after two seconds of the stream.
        while fs::metadata(&out).map_or(0, |meta| meta.len()) == 0 {
            assert!(begun.elapsed() < Duration::from_secs(120), "no segment came");
            std::thread::sleep(Duration::from_millis(50));
        }
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let done = child.wait_with_output().unwrap();
        let notes = text(done.stderr);
        assert_eq!(done.status.code(), Some(130), "{notes}");
        let got = pictures(&out);
        assert!(notes.contains(&format!("{} frames are in seen.mp4", got.len())), "{notes}");
        assert!(got.len() > 40, "{}", got.len());
    }
}
