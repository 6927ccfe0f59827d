//! Uses each crate by itself.

use passerby_types::{BBox, CameraId, ColorSpace, Embedding, Face, Image, PixelLayout};

#[test]
fn track_follows_a_face() {
    let mut tracker = passerby_track::Sort::new();
    let face = Face::new(BBox::from_xywh(100.0, 50.0, 40.0, 52.0), 0.9);
    let first = tracker.step(&[face])[0].track;
    assert_eq!(tracker.step(&[face])[0].track, first);
}

#[test]
fn detect_finds_no_face_in_grey() {
    use passerby_detect::YuNet;
    let image = Image::from_vec(PixelLayout::Gray8, 64, 48, ColorSpace::JPEG, vec![128; 64 * 48]).unwrap();
    let mut detector = YuNet::bundled().unwrap();
    assert!(detector.detect_image(&image).unwrap().is_empty());
}

#[test]
fn reid_finds_an_enrolled_person() {
    let mut gallery = passerby_reid::Gallery::new();
    let face = Embedding::new(vec![0.6, 0.8]).unwrap();
    let person = gallery.enroll(std::slice::from_ref(&face)).unwrap();
    assert_eq!(gallery.search(&face, 1)[0].person, person);
}

#[test]
fn annotate_draws_a_box() {
    use passerby_annotate::{AnnotateSettings, Annotator};
    let mut image =
        Image::from_vec(PixelLayout::Gray8, 64, 48, ColorSpace::JPEG, vec![128; 64 * 48]).unwrap();
    let face = passerby_types::ObservedFace::new(1, BBox::from_xywh(20.0, 12.0, 20.0, 24.0));
    Annotator::new(AnnotateSettings::default()).draw(&mut image, &[face]);
    assert_ne!(image.rgb_at(19, 24), [128; 3]);
}

#[test]
fn store_reads_back_a_run() {
    use passerby_store::{Reader, Sqlite, SqliteSettings};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.sqlite");
    let mut sink = Sqlite::open(&path, SqliteSettings::default()).unwrap();
    sink.name_cameras(&[(CameraId(0), "entrance")]).unwrap();
    sink.finish().unwrap();
    assert_eq!(Reader::open(&path).unwrap().runs().unwrap().len(), 1);
}

#[test]
fn testkit_accepts_a_tracker() {
    passerby_testkit::suite::tracker(passerby_track::Sort::new);
}
