//! A simulated machine with cameras, readers, queues and workers, in steps of half a millisecond.
//!
//! The threads that need a CPU share the CPUs evenly. Costs vary by a quarter, and every 48th frame takes twice as long to
//! decode. All of it comes from one seed, so every run is the same.

use std::collections::VecDeque;
use std::time::Duration;

use passerby_types::CameraId;

use super::{CameraLoad, Governor, GovernorDecision, GovernorLimits, GovernorLoad};

/// The simulated time of one step.
const STEP_SECONDS: f64 = 0.0005;
/// The most frames of a camera that wait for its reader. Beyond that the camera loses them.
const MAX_UNREAD_FRAMES: usize = 8;
/// The frames that fit in the queue of a camera.
const QUEUE_FRAMES: usize = 2;

pub(super) struct Machine {
    pub(super) cores: f64,
    /// The CPUs that another program occupies.
    pub(super) taken: f64,
    /// The threads of another program that always need a CPU.
    pub(super) rivals: usize,
    /// The CPU seconds to decode a frame, and to detect on it with the full detail.
    pub(super) decode: f64,
    pub(super) detect: f64,
    pub(super) idle_known: bool,
    /// True if the cameras detect on frames with different numbers.
    pub(super) staggered: bool,
    pub(super) cameras: Vec<Camera>,
    governor: Governor,
    workers: Vec<Worker>,
    progress: Progress,
    pub(super) log: Vec<Second>,
}

/// The counters of the simulation.
struct Progress {
    next_camera: u32,
    turn: usize,
    seed: u64,
    steps: u64,
}

/// The results of one second, and the decision after it.
#[derive(Clone, Debug)]
pub(super) struct Second {
    pub(super) dropped: u64,
    /// The worst 95th percentile of all cameras.
    pub(super) p95: Duration,
    pub(super) decision: GovernorDecision,
    /// The cadence of each camera, in the order of the cameras.
    pub(super) cadences: Vec<u64>,
}

pub(super) struct Camera {
    pub(super) id: CameraId,
    pub(super) rate: f64,
    /// True if its frames are held up, so that they come all at once later.
    pub(super) held_up: bool,
    due: f64,
    seq: u64,
    /// The arrival times of the frames that are not decoded yet, and the CPU seconds left for the first.
    unread: VecDeque<f64>,
    left: f64,
    queue: VecDeque<f64>,
    captured: u64,
    dropped: u64,
    filled: f64,
    ages: Vec<f64>,
}

#[derive(Default)]
struct Worker {
    /// The camera and the arrival time of its frame, or `None` if the worker is idle.
    job: Option<(CameraId, f64)>,
    left: f64,
    began: f64,
}

impl Machine {
    /// Creates a machine with two cores, 8.5 ms for a detection, 4.3 ms for a decoded frame, two workers, and no cameras.
    pub(super) fn new(limits: GovernorLimits) -> Self {
        Self {
            cores: 2.0,
            taken: 0.0,
            rivals: 0,
            decode: 0.0043,
            detect: 0.0085,
            idle_known: true,
            staggered: false,
            cameras: Vec::new(),
            governor: Governor::new(limits),
            workers: (0..2).map(|_| Worker::default()).collect(),
            progress: Progress { next_camera: 0, turn: 0, seed: 1, steps: 0 },
            log: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, cameras: usize, rate: f64) {
        for _ in 0..cameras {
            let due = self.now() + self.random() / rate;
            let id = CameraId(self.progress.next_camera);
            self.progress.next_camera += 1;
            self.cameras.push(Camera {
                id,
                rate,
                held_up: false,
                due,
                seq: 0,
                unread: VecDeque::new(),
                left: 0.0,
                queue: VecDeque::new(),
                captured: 0,
                dropped: 0,
                filled: 0.0,
                ages: Vec::new(),
            });
        }
    }

    /// Runs for `seconds` and returns their results.
    pub(super) fn run(&mut self, seconds: usize) -> &[Second] {
        for _ in 0..seconds {
            self.second();
        }
        &self.log[self.log.len() - seconds..]
    }

    fn second(&mut self) {
        let mut busy = 0.0;
        let mut used = 0.0;
        let mut calls = 0;
        let mut called = 0.0;
        for _ in 0..(1.0 / STEP_SECONDS) as usize {
            self.progress.steps += 1;
            self.capture();
            self.assign();
            let at_work = self.workers.iter().filter(|worker| worker.job.is_some()).count();
            let reading = self.cameras.iter().filter(|camera| camera.reads()).count();
            let cores = self.cores - self.taken;
            let share = (cores / (at_work + reading + self.rivals).max(1) as f64).min(1.0) * STEP_SECONDS;
            busy += at_work as f64 * STEP_SECONDS;
            used += (at_work + reading + self.rivals) as f64 * share;
            self.read(share);
            let now = self.now();
            for worker in &mut self.workers {
                let Some((id, captured)) = worker.job else { continue };
                worker.left -= share;
                if worker.left <= 0.0 {
                    worker.job = None;
                    calls += 1;
                    called += now - worker.began;
                    if let Some(camera) = self.cameras.iter_mut().find(|camera| camera.id == id) {
                        camera.ages.push(now - captured);
                    }
                }
            }
        }
        let idle = (1.0 - (used + self.taken) / self.cores) as f32;
        let busy = (busy / self.workers.len().max(1) as f64) as f32;
        self.tick(busy, idle, if calls == 0 { 0.0 } else { called / f64::from(calls) });
    }

    fn tick(&mut self, busy: f32, idle: f32, call: f64) {
        let cameras: Vec<CameraLoad> = self.cameras.iter_mut().map(Camera::load).collect();
        let decision = self.governor.decide(&GovernorLoad {
            workers: self.workers.len(),
            worker_use: busy,
            detection_time: Duration::from_secs_f64(call),
            cores: self.cores as usize,
            idle: self.idle_known.then_some(idle),
            cameras: &cameras,
        });
        while self.workers.len() < decision.workers {
            self.workers.push(Worker::default());
        }
        // A real worker finishes its frame first. The simulation removes one that is idle.
        while self.workers.len() > decision.workers
            && let Some(at) = self.workers.iter().position(|worker| worker.job.is_none())
        {
            self.workers.remove(at);
        }
        self.log.push(Second {
            dropped: cameras.iter().map(|camera| camera.overrun).sum(),
            p95: cameras.iter().filter_map(|camera| camera.age_p95).max().unwrap_or_default(),
            decision,
            cadences: self.cameras.iter().map(|camera| self.governor.cadence(camera.id)).collect(),
        });
    }

    /// Adds the frames that are due.
    fn capture(&mut self) {
        let now = self.now();
        for camera in &mut self.cameras {
            while camera.rate > 0.0 && camera.due <= now {
                camera.unread.push_back(camera.due);
                camera.due += 1.0 / camera.rate;
                if camera.unread.len() > MAX_UNREAD_FRAMES && !camera.held_up {
                    camera.unread.pop_back();
                }
            }
        }
    }

    /// Gives each idle worker the oldest frame of the next camera that has one.
    fn assign(&mut self) {
        let now = self.now();
        for at in 0..self.workers.len() {
            if self.workers[at].job.is_some() {
                continue;
            }
            let n = self.cameras.len();
            let Some(next) =
                (0..n).map(|i| (self.progress.turn + i) % n).find(|&i| !self.cameras[i].queue.is_empty())
            else {
                return;
            };
            self.progress.turn = next + 1;
            let detail = f64::from(self.governor.detail());
            let cost = self.detect * detail * detail * self.scatter();
            let camera = &mut self.cameras[next];
            let job = camera.queue.pop_front().map(|captured| (camera.id, captured));
            self.workers[at] = Worker { job, left: cost, began: now };
        }
    }

    /// Lets the readers decode, and queues the frames that are due for detection.
    fn read(&mut self, share: f64) {
        for i in 0..self.cameras.len() {
            let camera = &mut self.cameras[i];
            camera.filled += camera.queue.len() as f64 / QUEUE_FRAMES as f64 * STEP_SECONDS;
            let reads = camera.reads();
            let starts = camera.left <= 0.0;
            if !reads {
                continue;
            }
            let cost = if starts { self.decode * self.scatter() } else { 0.0 };
            let cadence = self.governor.cadence(self.cameras[i].id);
            let shift = if self.staggered { i as u64 } else { 0 };
            let camera = &mut self.cameras[i];
            if starts {
                camera.left = if camera.seq.is_multiple_of(48) { 2.0 * cost } else { cost };
            }
            camera.left -= share;
            if camera.left <= 0.0
                && let Some(captured) = camera.unread.pop_front()
            {
                camera.captured += 1;
                if (camera.seq + shift).is_multiple_of(cadence) {
                    if camera.queue.len() == QUEUE_FRAMES {
                        camera.queue.pop_front();
                        camera.dropped += 1;
                    }
                    camera.queue.push_back(captured);
                }
                camera.seq += 1;
            }
        }
    }

    fn now(&self) -> f64 {
        self.progress.steps as f64 * STEP_SECONDS
    }

    /// Returns a random factor from 0.75 to 1.25.
    fn scatter(&mut self) -> f64 {
        0.75 + 0.5 * self.random()
    }

    /// Returns a random number from 0 to 1, by Knuth's MMIX generator.
    fn random(&mut self) -> f64 {
        let seed = self.progress.seed;
        let seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.progress.seed = seed;
        (seed >> 11) as f64 / (1u64 << 53) as f64
    }
}

impl Camera {
    fn reads(&self) -> bool {
        !self.held_up && !self.unread.is_empty()
    }

    fn load(&mut self) -> CameraLoad {
        self.ages.sort_by(f64::total_cmp);
        let age = self.ages.get((self.ages.len() * 95).div_ceil(100).saturating_sub(1)).copied();
        let load = CameraLoad {
            camera: self.id,
            stated_rate: None,
            rate: self.captured as f64,
            age_p95: age.map(Duration::from_secs_f64),
            overrun: self.dropped,
            queue_fill: self.filled as f32,
        };
        self.ages.clear();
        self.captured = 0;
        self.dropped = 0;
        self.filled = 0.0;
        load
    }
}
