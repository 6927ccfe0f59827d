//! Coded pictures of RTSP cameras for viewers.

use std::io::Write;

use passerby_types::{Codec, CodedDemand, FrameSource};

use crate::rtsp::{H264, checksum, connect, fake, packets, units};
use crate::viewer::{decode, same_pictures, watch};

const ALL: usize = 1000;

/// Returns the address of a camera that sends these units, except those of the list.
fn playing(units: &[Vec<Vec<u8>>], lost: &'static [usize]) -> String {
    let stream = packets(units, |i| !lost.contains(&i));
    fake(H264, move |mut camera| {
        let _ = camera.write_all(&stream);
    })
}

#[test]
fn the_coded_pictures_of_a_camera_decode_to_its_pictures() {
    let clip = units("tiny.264");
    let three = [clip.clone(), clip.clone(), clip].concat();
    let mut camera = connect(&playing(&three, &[]));
    assert_eq!(camera.info().codec, Some(Codec::H264));
    let watched = watch(&mut camera, ALL);
    assert_eq!((watched.pictures.len(), watched.bare), (30, 0));
    same_pictures(&watched, 0);
}

#[test]
fn after_a_loss_the_coded_pictures_go_on_with_a_key_frame() {
    let clip = units("tiny.264");
    let three = [clip.clone(), clip.clone(), clip].concat();
    let watched = watch(&mut connect(&playing(&three, &[10, 23, 24])), ALL);
    assert!(watched.pictures.len() < 27 && watched.bare == 0);
    same_pictures(&watched, 0);
}

#[test]
fn the_parameter_sets_may_change_in_the_middle() {
    let both = [units("tiny.264"), units("tiny_open.264")].concat();
    let watched = watch(&mut connect(&playing(&both, &[])), ALL);
    same_pictures(&watched, 0);
    let coded = watched.coded();
    assert_eq!(coded.len(), 25);
    assert_ne!(coded[0].0.parameter_sets, coded[24].0.parameter_sets);
    assert_eq!([coded[0].0.height, coded[24].0.height], [42, 48]);
    assert!(coded[10].0.key, "the first picture with other sets");
}

#[test]
fn a_viewer_that_comes_late_begins_with_the_next_key_frame() {
    let clip = units("tiny.264");
    let mut camera = connect(&playing(&[clip.clone(), clip].concat(), &[]));
    let demand = CodedDemand::default();
    camera.offer_coded(&demand);
    for _ in 0..3 {
        let picture = camera.next_picture().expect("no loss").expect("a picture");
        assert!(picture.coded.is_none());
    }
    let _request = demand.request();
    let mut coded = Vec::new();
    let mut pictures = Vec::new();
    while let Ok(Some(picture)) = camera.next_picture() {
        coded.extend(picture.coded.clone().zip(picture.pts));
        pictures.push(picture);
    }
    coded.sort_by_key(|(coded, _)| coded.number);
    let sums = |pictures: &[passerby_types::Picture]| -> Vec<_> {
        pictures.iter().map(|picture| (picture.pts, checksum(&picture.image))).collect()
    };
    // The key frames are the pictures 5, 10 and 15.
    assert_eq!(sums(&decode(&coded)), sums(&pictures[2..]));
}
