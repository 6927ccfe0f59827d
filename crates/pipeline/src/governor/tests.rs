//! The governor with single loads.

use super::*;

const FAST: CameraLoad = CameraLoad {
    stated_rate: Some(24.0),
    camera: CameraId(0),
    rate: 24.0,
    age_p95: Some(Duration::from_millis(20)),
    overrun: 0,
    queue_fill: 0.0,
};

/// Returns the load of four workers that need 10 ms for a detection, on a machine that is half idle.
fn load(busy: f32, cameras: &[CameraLoad]) -> GovernorLoad<'_> {
    GovernorLoad {
        workers: 4,
        worker_use: busy,
        detection_time: Duration::from_millis(10),
        cores: 8,
        idle: Some(0.5),
        cameras,
    }
}

fn governor() -> Governor {
    Governor::new(GovernorLimits { workers: 4..=4, ..GovernorLimits::default() })
}

/// Returns the number of ticks until the governor detects more on a machine with room.
fn ticks_to_return(governor: &mut Governor) -> usize {
    let calm = [FAST];
    1 + (0..200).take_while(|_| governor.decide(&load(0.06, &calm)).reason != GovernorReason::Spare).count()
}

#[test]
fn a_failed_step_doubles_the_wait_for_the_next() {
    let mut governor = governor();
    let drops = [CameraLoad { overrun: 3, ..FAST }];
    let mut waits = Vec::new();
    for _ in 0..7 {
        assert_eq!(governor.decide(&load(0.7, &drops)).cadence, 2);
        waits.push(ticks_to_return(&mut governor));
    }
    assert_eq!(waits, [5, 10, 20, 40, 60, 60, 60]);
    for half in [30, 15, 7, 5, 5] {
        (0..100).for_each(|_| assert_eq!(governor.decide(&load(0.06, &[FAST])).cadence, 1));
        assert_eq!(governor.decide(&load(0.7, &drops)).cadence, 2);
        assert_eq!(ticks_to_return(&mut governor), half);
    }
}

#[test]
fn drops_are_a_hiccup_for_two_ticks_if_there_is_room() {
    let mut governor = governor();
    let drops = [CameraLoad { overrun: 3, ..FAST }];
    let mut reason = |cameras: &[CameraLoad]| governor.decide(&load(0.06, cameras)).reason;
    assert_eq!(reason(&drops), GovernorReason::Dropping);
    (0..5).for_each(|_| assert_ne!(reason(&[FAST]), GovernorReason::Dropping));
    assert_eq!(reason(&drops), GovernorReason::Hiccup);
    assert_eq!(reason(&drops), GovernorReason::Hiccup);
    assert_eq!(reason(&drops), GovernorReason::Dropping);
}

#[test]
fn cameras_behind_their_rate_thin_detection_on_a_full_machine() {
    let behind = CameraLoad { rate: 20.0, ..FAST };
    let unstated = CameraLoad { stated_rate: None, ..behind };
    for (cameras, idle, reason) in [
        ([behind, behind], 0.02, GovernorReason::Busy),
        ([behind, behind], 0.2, GovernorReason::Steady),
        ([FAST, FAST], 0.02, GovernorReason::Steady),
        ([unstated, unstated], 0.02, GovernorReason::Steady),
    ] {
        let cameras = [cameras[0], CameraLoad { camera: CameraId(1), ..cameras[1] }];
        let load = GovernorLoad { idle: Some(idle), worker_use: 0.2, ..load(0.2, &cameras) };
        let decision = governor().decide(&load);
        assert_eq!(
            (decision.reason, decision.cadence > 1),
            (reason, reason == GovernorReason::Busy),
            "{cameras:?}"
        );
    }
}

#[test]
fn each_kind_of_trouble_thins_detection() {
    let late = [CameraLoad { age_p95: Some(Duration::from_millis(121)), ..FAST }];
    let filling = [CameraLoad { queue_fill: 0.7, ..FAST }];
    let fast = [CameraLoad { rate: 400.0, ..FAST }];
    for (cameras, reason) in
        [(late, GovernorReason::Late), (filling, GovernorReason::Filling), (fast, GovernorReason::Busy)]
    {
        let decision = governor().decide(&load(0.9, &cameras));
        assert_eq!((decision.reason, decision.changed), (reason, true));
        assert!(decision.cadence > 1);
    }
    // If there is room, thinner detection would not make them earlier.
    assert_eq!(governor().decide(&load(0.06, &late)).cadence, 1);
}

#[test]
fn a_single_late_camera_does_not_thin_detection() {
    let late = CameraLoad { age_p95: Some(Duration::from_secs(1)), ..FAST };
    let cameras =
        [late, CameraLoad { camera: CameraId(1), ..FAST }, CameraLoad { camera: CameraId(2), ..FAST }];
    let mut governor = governor();
    (0..60).for_each(|_| assert_eq!(governor.decide(&load(0.9, &cameras)).cadence, 1));
}

#[test]
fn silent_cameras_keep_the_cadence() {
    let mut governor = governor();
    assert_eq!(governor.decide(&load(0.7, &[CameraLoad { overrun: 3, ..FAST }])).cadence, 2);
    let silent = [CameraLoad { rate: 0.0, age_p95: None, ..FAST }];
    (0..100).for_each(|_| assert_eq!(governor.decide(&load(0.0, &silent)).cadence, 2));
    let decision = governor.decide(&load(0.0, &[]));
    assert_eq!((decision.workers, decision.cadence, decision.reason), (4, 1, GovernorReason::Steady));
    let decision = Governor::new(GovernorLimits::default()).decide(&GovernorLoad::default());
    assert_eq!((decision.workers, decision.cadence, decision.reason), (1, 1, GovernorReason::Steady));
}

#[test]
fn a_camera_after_the_thinned_ones_is_not_thinned() {
    let mut governor = governor();
    let fast = CameraLoad { overrun: 3, ..FAST };
    let slow = CameraLoad { camera: CameraId(1), rate: 2.0, ..FAST };
    assert_eq!(governor.decide(&load(0.7, &[fast, slow])).cadence, 2);
    assert_eq!(governor.decide(&load(0.06, &[slow])).cadence, 1);
    assert_eq!(governor.decide(&load(0.06, &[slow, CameraLoad { camera: CameraId(2), ..FAST }])).cadence, 1);
}

#[test]
fn an_empty_range_holds_its_start() {
    let limits = |workers, cadence| GovernorLimits { workers, cadence, ..GovernorLimits::default() };
    #[expect(clippy::reversed_empty_ranges)]
    let governor = Governor::new(limits(3..=0, 5..=2));
    assert_eq!(governor.limits(), &limits(3..=3, 5..=5));
    assert_eq!(Governor::new(limits(0..=0, 0..=0)).limits(), &limits(1..=1, 1..=1));
}

#[test]
fn absurd_loads_never_leave_the_limits() {
    const ODD: [f32; 9] = [0.0, -1.0, 0.5, 1.0, 30.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX];
    let mut random = 1u64;
    let mut pick = |n: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % n
    };
    let mut governor =
        Governor::new(GovernorLimits { workers: 2..=5, cadence: 2..=9, ..GovernorLimits::default() });
    for _ in 0..5_000 {
        let cameras: Vec<CameraLoad> = (0..pick(5))
            .map(|_| CameraLoad {
                camera: CameraId(pick(6) as u32),
                rate: ODD[pick(9)].into(),
                stated_rate: [None, Some(24.0), Some(ODD[pick(9)].into())][pick(3)],
                age_p95: [None, Some(Duration::ZERO), Some(Duration::MAX)][pick(3)],
                overrun: [0, 0, 1, u64::MAX][pick(4)],
                queue_fill: ODD[pick(9)],
            })
            .collect();
        let load = GovernorLoad {
            workers: [0, 1, 3, usize::MAX][pick(4)],
            worker_use: ODD[pick(9)],
            detection_time: [Duration::ZERO, Duration::from_millis(9), Duration::MAX][pick(3)],
            cores: [0, 2, usize::MAX][pick(3)],
            idle: [None, Some(ODD[pick(9)])][pick(2)],
            cameras: &cameras,
        };
        let mut twin = governor.clone();
        let decision = governor.decide(&load);
        assert_eq!(decision, twin.decide(&load), "the same load gives the same decision");
        assert!((2..=5).contains(&decision.workers) && (2..=9).contains(&decision.cadence), "{decision:?}");
        assert!((0..7).all(|camera| (2..=9).contains(&governor.cadence(CameraId(camera)))));
    }
}

#[test]
fn reasons_have_names() {
    assert_eq!(
        (GovernorReason::Dropping.name(), GovernorReason::Overloaded.to_string().as_str()),
        ("dropping", "overloaded")
    );
}
