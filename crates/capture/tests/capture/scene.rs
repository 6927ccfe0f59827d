//! Scenes: the same settings give the same bytes, the ground truth fits the pictures, and settings are checked.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use passerby_capture::{
    Portrait, Scene, SceneCast, SceneCrowd, SceneError, ScenePerson, SceneSettings, SceneWalk, Waypoint,
};
use passerby_testkit::suite;
use passerby_types::{ColorSpace, FrameSource, Image, PixelLayout};

fn crowd(people: usize, face: RangeInclusive<f64>, speed: RangeInclusive<f64>) -> SceneSettings {
    SceneSettings {
        width: 320,
        height: 180,
        frames: 20,
        cast: SceneCast::Crowd(SceneCrowd { people, face, speed }),
        ..SceneSettings::default()
    }
}

fn small() -> SceneSettings {
    crowd(3, 20.0..=50.0, 60.0..=150.0)
}

fn script(walks: Vec<SceneWalk>) -> SceneSettings {
    SceneSettings { noise: 0, cast: SceneCast::Script(walks), ..small() }
}

fn stand(portrait: Portrait, x: f64, y: f64, face: f64) -> SceneWalk {
    SceneWalk { portrait, path: vec![Waypoint::new(0.0, x, y, face)] }
}

fn bytes(image: &Image) -> Vec<u8> {
    (0..image.layout().planes())
        .flat_map(|i| (0..image.plane(i).rows).map(move |y| (i, y)))
        .flat_map(|(i, y)| image.plane(i).row(y).to_vec())
        .collect()
}

fn all(settings: SceneSettings) -> Vec<Vec<u8>> {
    let mut scene = Scene::new(settings).unwrap();
    std::iter::from_fn(|| scene.next_picture().unwrap().map(|p| bytes(&p.image))).collect()
}

fn first(settings: SceneSettings) -> Image {
    Scene::new(settings).unwrap().next_picture().unwrap().unwrap().image
}

#[test]
fn a_scene_is_a_source() {
    assert_eq!(suite::source(Scene::new(small()).unwrap()), (20, 0));
    let none = SceneSettings { frames: 0, ..small() };
    assert_eq!(suite::source(Scene::new(none).unwrap()), (0, 0));
    let scene = Scene::new(small()).unwrap();
    let info = scene.info();
    assert!(!info.live);
    assert_eq!((info.frame_rate, info.frames), (Some(24.0), Some(20)));
}

#[test]
fn the_seed_decides_every_byte() {
    let with = |seed| all(SceneSettings { seed, ..small() });
    let one = with(1);
    assert!(one == with(1), "the same seed");
    assert!(one != with(2), "another seed");
    let walks = |seed| Scene::new(SceneSettings { seed, ..small() }).unwrap().truth(0);
    assert_eq!(walks(1), walks(1));
    assert_ne!(walks(1), walks(2));
}

#[test]
fn another_walker_does_not_move_the_others() {
    let truth = |people| {
        let scene = Scene::new(crowd(people, 20.0..=50.0, 60.0..=150.0)).unwrap();
        (0..20).flat_map(|i| scene.truth(i)).map(|f| (f.walker, f.bbox)).collect::<Vec<_>>()
    };
    let three: Vec<_> = truth(4).into_iter().filter(|f| f.0 < 3).collect();
    assert_eq!(truth(3), three);
}

#[test]
fn noise_changes_luma_within_its_amplitude() {
    let picture = |noise| first(SceneSettings { noise, ..small() });
    let clean = bytes(&picture(0));
    let noisy = bytes(&picture(3));
    let luma = 320 * 180;
    let far = |range: std::ops::Range<usize>| range.map(|i| clean[i].abs_diff(noisy[i])).max().unwrap_or(0);
    assert_eq!(far(0..luma), 3);
    assert_eq!(far(luma..clean.len()), 0);
}

#[test]
fn the_people_are_at_their_ground_truth() {
    let hall = first(script(Vec::new()));
    for portrait in Portrait::ALL {
        for face in [12.0, 33.3, 60.0] {
            let settings = script(vec![stand(portrait, 150.3, 70.8, face)]);
            let truth = Scene::new(settings.clone()).unwrap().truth(0);
            assert_eq!(truth.len(), 1);
            let box_ = truth[0].bbox;
            let middle = box_.center();
            assert!((middle.x - 150.3).abs() < 1e-3 && (middle.y - 70.8).abs() < 1e-3);
            assert!((box_.width() - face as f32).abs() < 1e-3);
            assert_eq!((truth[0].portrait, truth[0].visible), (portrait, 1.0));
            assert_eq!(truth[0].person(), portrait.person());
            assert_eq!(truth[0].face().landmarks, Some(truth[0].landmarks));
            let picture = first(settings);
            // The picture at each landmark must look like the portrait at the same landmark. The means over a patch of a
            // third of the eyes' distance are compared.
            let original = image::load_from_memory(portrait.jpeg()).unwrap().into_rgb8();
            let scale = face as f32 / portrait.bbox().width();
            for (at, from) in truth[0].landmarks.0.iter().zip(portrait.landmarks().0) {
                let half = truth[0].landmarks.eye_distance() / 6.0;
                let mut sums = [[0.0_f32; 3]; 2];
                let mut count = 0.0;
                for dy in -2..=2 {
                    for dx in -2..=2 {
                        let ox = dx as f32 / 2.0 * half;
                        let oy = dy as f32 / 2.0 * half;
                        let drawn = picture.rgb_at((at.x + ox).round() as u32, (at.y + oy).round() as u32);
                        let pixel = |v: f32| v.round() as u32;
                        let known =
                            original.get_pixel(pixel(from.x + ox / scale), pixel(from.y + oy / scale)).0;
                        for c in 0..3 {
                            sums[0][c] += f32::from(drawn[c]);
                            sums[1][c] += f32::from(known[c]);
                        }
                        count += 1.0;
                    }
                }
                for (drawn, known) in sums[0].iter().zip(sums[1]) {
                    let far = (drawn - known).abs() / count;
                    assert!(far < 30.0, "{portrait:?} {face} {at:?} {far}");
                }
            }
            // Far from the person nothing has changed.
            for (x, y) in [(2, 2), (317, 2), (150, 175)] {
                assert_eq!(picture.rgb_at(x, y), hall.rgb_at(x, y), "{portrait:?} {face}");
            }
        }
    }
}

#[test]
fn a_nearer_person_hides_a_farther_one() {
    let near = stand(Portrait::Obama, 150.0, 75.0, 50.0);
    let far = stand(Portrait::Biden, 150.0, 75.0, 25.0);
    for order in [[near.clone(), far.clone()], [far.clone(), near.clone()]] {
        let truth = Scene::new(script(order.to_vec())).unwrap().truth(0);
        let of = |portrait| truth.iter().find(|f| f.portrait == portrait).unwrap().visible;
        assert_eq!(of(Portrait::Obama), 1.0);
        assert!(of(Portrait::Biden) < 0.02);
    }
    // Between the landmarks of the near person, nothing of the far one is visible.
    let both = Scene::new(script(vec![far.clone(), near.clone()])).unwrap().truth(0);
    let [left, right, _, mouth, _] = both[1].landmarks.0;
    let together = first(script(vec![far, near.clone()]));
    let alone = first(script(vec![near]));
    for y in left.y as u32..=mouth.y as u32 {
        for x in left.x as u32..=right.x as u32 {
            assert_eq!(together.rgb_at(x, y), alone.rgb_at(x, y), "({x}, {y})");
        }
    }
    let beside = stand(Portrait::Biden, 150.0 - 25.0, 75.0, 25.0);
    let truth = Scene::new(script(vec![beside, stand(Portrait::Obama, 150.0, 75.0, 50.0)])).unwrap().truth(0);
    assert!((0.1..0.9).contains(&truth[0].visible), "{}", truth[0].visible);
}

#[test]
fn a_face_outside_the_picture_is_not_visible() {
    let visible = |x, y| {
        let truth = Scene::new(script(vec![stand(Portrait::Biden, x, y, 40.0)])).unwrap().truth(0);
        truth.first().map(|f| f.visible)
    };
    assert_eq!(visible(160.0, 60.0), Some(1.0));
    assert!((visible(-0.5, 60.0).unwrap() - 0.5).abs() < 0.02);
    assert!((visible(319.5, 60.0).unwrap() - 0.5).abs() < 0.02);
    assert_eq!(visible(-21.0, 60.0), None);
    assert_eq!(visible(341.0, 60.0), None);
    // Behind the counter.
    assert_eq!(visible(160.0, 165.0), Some(0.0));
    let bare = first(script(vec![stand(Portrait::Biden, 160.0, 165.0, 10.0)]));
    assert!(bytes(&bare) == bytes(&first(script(Vec::new()))), "nothing is drawn behind the counter");
}

#[test]
fn walkers_come_for_their_visits() {
    let path = vec![Waypoint::new(0.25, -100.0, 70.0, 40.0), Waypoint::new(0.75, 420.0, 70.0, 40.0)];
    let again = vec![Waypoint::new(0.8, -100.0, 70.0, 30.0), Waypoint::new(2.0, 150.0, 70.0, 30.0)];
    let walk = |path| SceneWalk { portrait: Portrait::Astronaut, path };
    let settings = SceneSettings { frames: 48, ..script(vec![walk(path), walk(again)]) };
    let scene = Scene::new(settings).unwrap();
    let there: Vec<_> = (0..48).map(|i| scene.truth(i).first().map(|f| (f.walker, f.person()))).collect();
    assert_eq!(there[0], None);
    assert_eq!(there[12], Some((0, ScenePerson::Astronaut)));
    assert_eq!(there[18], None);
    assert_eq!(there[47], Some((1, ScenePerson::Astronaut)));
    assert!(scene.truth(48).is_empty(), "behind the end");
}

#[test]
fn a_crowd_keeps_its_ranges() {
    let settings = SceneSettings { frames: 2000, bob: 0.0, ..small() };
    let scene = Scene::new(settings).unwrap();
    let mut last: Vec<Option<(u64, f32)>> = vec![None; 3];
    let mut visits = BTreeSet::new();
    let mut empty = 0;
    for frame in 0..2000 {
        let faces = scene.truth(frame);
        empty += u32::from(faces.len() < 3);
        let mut now = vec![None; 3];
        for f in &faces {
            assert!((19.99..=50.01).contains(&f.bbox.width()));
            if let Some((visit, x)) = last[f.walker]
                && visit == f.visit
            {
                assert!((f.bbox.center().x - x).abs() * 24.0 <= 150.0 + 1e-2);
            }
            now[f.walker] = Some((f.visit, f.bbox.center().x));
            visits.insert((f.walker, f.visit));
        }
        last = now;
    }
    assert!(empty > 50, "they leave");
    assert!(visits.len() >= 12, "and come back: {}", visits.len());
    assert_eq!(visits.iter().map(|v| v.0).collect::<BTreeSet<_>>().len(), 3);
}

#[test]
fn a_crowd_may_be_empty() {
    let mut scene = Scene::new(crowd(0, 20.0..=50.0, 60.0..=150.0)).unwrap();
    assert!(scene.truth(0).is_empty());
    assert!(scene.next_picture().unwrap().is_some());
}

#[test]
fn every_size_is_possible_in_every_colour_space() {
    for (width, height) in [(1, 1), (2, 2), (1, 90), (91, 1), (161, 91), (33, 700)] {
        for color in [ColorSpace::default(), ColorSpace::JPEG] {
            let settings = SceneSettings { width, height, color, frames: 3, ..small() };
            let mut scene = Scene::new(settings).unwrap();
            while let Some(picture) = scene.next_picture().unwrap() {
                let image = picture.image;
                assert_eq!((image.width(), image.height(), image.color()), (width, height, color));
                assert_eq!(image.layout(), PixelLayout::I420);
            }
        }
    }
}

#[test]
fn impossible_settings_are_errors() {
    let error = |settings| Scene::new(settings).unwrap_err();
    for (width, height) in [(0, 180), (320, 0), (Image::MAX_SIDE + 1, 1)] {
        assert_eq!(error(SceneSettings { width, height, ..small() }), SceneError::Size { width, height });
    }
    for fps in [0.0, -1.0, f64::NAN, f64::INFINITY, 1000.5] {
        assert!(matches!(error(SceneSettings { fps, ..small() }), SceneError::Range { .. }));
    }
    for bob in [-0.1, 1.1, f64::NAN] {
        assert!(matches!(error(SceneSettings { bob, ..small() }), SceneError::Range { .. }));
    }
    assert!(matches!(error(SceneSettings { noise: 65, ..small() }), SceneError::Range { .. }));
    assert_eq!(error(crowd(1001, 20.0..=50.0, 60.0..=150.0)), SceneError::People { people: 1001 });
    for face in [0.0..=50.0, 50.0..=40.0, 20.0..=f64::NAN, 20.0..=1e9] {
        assert!(matches!(error(crowd(1, face, 60.0..=150.0)), SceneError::Range { what: "face widths", .. }));
    }
    for speed in [0.0..=50.0, 50.0..=40.0, -3.0..=5.0, 20.0..=f64::INFINITY] {
        assert!(matches!(error(crowd(1, 20.0..=50.0, speed)), SceneError::Range { what: "speeds", .. }));
    }
    let point = Waypoint::new;
    for path in [
        vec![],
        vec![point(1.0, 0.0, 0.0, 40.0), point(1.0, 9.0, 0.0, 40.0)],
        vec![point(0.0, f64::NAN, 0.0, 40.0)],
        vec![point(0.0, 0.0, 1e9, 40.0)],
        vec![point(0.0, 0.0, 0.0, 3.0)],
        vec![point(f64::INFINITY, 0.0, 0.0, 40.0)],
    ] {
        let walks =
            vec![stand(Portrait::Biden, 9.0, 9.0, 40.0), SceneWalk { portrait: Portrait::Obama, path }];
        assert!(matches!(error(script(walks)), SceneError::Path { walk: 1, .. }));
    }
}
