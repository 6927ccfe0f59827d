//! Runs `passerby analyze --pictures` as its users do: the names, the content and the safety of the pictures.

#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const PORTRAITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../capture/portraits");
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
