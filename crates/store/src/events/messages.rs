//! Makes messages from observations.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use passerby_types::{
    Attributes, CameraId, CameraLink, EventKind, LineSide, Observation, ObservationRecord, ObservedFace,
    PersonId, TrackId, TrackState, ZoneChange, ZoneEvent, visible,
};
use serde::Serialize;

use crate::events::names::topic_level;
use crate::events::outbox::Message;
use crate::events::settings::EventSettings;

/// The version of the format, which changes when a key changes its meaning or goes.
pub(super) const FORMAT_VERSION: u32 = 1;
/// The largest payload, in bytes: brokers and servers refuse much larger ones.
pub(super) const MAX_PAYLOAD_BYTES: usize = 256 << 10;
/// The shortest time between two messages with the number of faces of a camera.
const FACES_INTERVAL: Duration = Duration::from_secs(1);
/// The most tracks and persons that are kept for each camera.
const MAX_KEPT: usize = 4096;
/// The most persons that are kept because they came out of order.
const MAX_ANNOUNCED: usize = 65_536;

/// What all messages begin with, and the details.
#[derive(Serialize)]
struct Envelope<'a, D> {
    version: u32,
    id: &'a str,
    node: &'a str,
    camera: &'a str,
    wall: &'a str,
    event_type: &'a str,
    #[serde(flatten)]
    details: D,
}

#[derive(Serialize)]
struct PersonDetails {
    track: TrackId,
    person: PersonId,
    similarity: Option<f32>,
    #[serde(flatten)]
    attributes: AttributeDetails,
}

#[derive(Serialize)]
struct TrackDetails {
    track: TrackId,
    person: Option<PersonId>,
    duration_s: f64,
    #[serde(flatten)]
    attributes: AttributeDetails,
}

#[derive(Serialize)]
struct AttributeDetails {
    age: Option<f32>,
    age_interval: Option<[f32; 2]>,
    p_male: Option<f32>,
    gender: Option<&'static str>,
}

impl AttributeDetails {
    fn new(attributes: Option<Attributes>) -> Self {
        let attributes = attributes.filter(Attributes::is_finite);
        Self {
            age: attributes.map(|a| a.age.years),
            age_interval: attributes.map(|a| [a.age.low, a.age.high]),
            p_male: attributes.map(|a| a.p_male),
            gender: attributes.map(|a| if a.p_male >= 0.5 { "male" } else { "female" }),
        }
    }
}

#[derive(Serialize)]
struct LineDetails<'a> {
    track: TrackId,
    person: Option<PersonId>,
    line: &'a str,
    from: LineSide,
}

#[derive(Serialize)]
struct ZoneDetails<'a> {
    track: TrackId,
    person: Option<PersonId>,
    zone: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dwell_s: Option<f64>,
}

#[derive(Serialize)]
struct CameraDetails<'a> {
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct FacesDetails {
    faces: usize,
}

#[derive(Serialize)]
struct ObservationDetails<'a> {
    observation: ObservationRecord<'a>,
}

/// The messages of a batch, and the number of those that are too large.
#[derive(Default)]
pub(super) struct Made {
    pub(super) messages: Vec<Message>,
    pub(super) too_large: u64,
}

/// Makes messages from observations, and remembers the tracks and persons of each camera.
pub(super) struct MessageMaker {
    node: String,
    kinds: Vec<EventKind>,
    person_gap: Duration,
    names: BTreeMap<CameraId, String>,
    cameras: BTreeMap<CameraId, CameraMemory>,
    announced: Announced,
    /// The first part of ids: no other run has it.
    run: String,
    made: u64,
}

#[derive(Default)]
struct CameraMemory {
    /// When each person was last there.
    persons: BTreeMap<PersonId, Duration>,
    tracks: BTreeMap<TrackId, TrackMemory>,
    /// The number of faces in the last message, and its time.
    faces: Option<(usize, Duration)>,
}

struct TrackMemory {
    first: Duration,
    last: Duration,
    person: Option<PersonId>,
    attributes: Option<Attributes>,
}

/// The persons that were new once: all numbers below one, and some above it.
#[derive(Default)]
struct Announced {
    below: u64,
    above: BTreeSet<u64>,
}

impl Announced {
    /// Adds a person. Returns true if the person is new.
    fn add(&mut self, person: PersonId) -> bool {
        if person.0 < self.below || !self.above.insert(person.0) {
            return false;
        }
        while self.above.remove(&self.below) {
            self.below += 1;
        }
        if self.above.len() > MAX_ANNOUNCED
            && let Some(lowest) = self.above.pop_first()
        {
            self.below = lowest + 1;
        }
        true
    }
}

impl MessageMaker {
    pub(super) fn new(settings: &EventSettings, started: SystemTime) -> Self {
        let since = started.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            node: settings.node.clone(),
            kinds: settings.kinds.clone(),
            person_gap: settings.person_gap,
            names: BTreeMap::new(),
            cameras: BTreeMap::new(),
            announced: Announced { below: settings.known_persons + 1, above: BTreeSet::new() },
            run: format!("{:x}", since.as_micros()),
            made: 0,
        }
    }

    /// Names a camera. Returns false if it had this name before.
    pub(super) fn name(&mut self, camera: CameraId, name: &str) -> bool {
        self.names.insert(camera, name.to_owned()).as_deref() != Some(name)
    }

    /// Returns the camera's name, or `camera 3` if it has none.
    pub(super) fn name_of(&self, camera: CameraId) -> String {
        self.names.get(&camera).cloned().unwrap_or_else(|| camera.to_string())
    }

    /// Makes the message about a camera's connection.
    pub(super) fn link(&mut self, camera: CameraId, link: CameraLink, error: Option<&str>, made: &mut Made) {
        let error = error.map(visible);
        let details = CameraDetails { error: error.as_deref() };
        self.make(EventKind::Camera, camera, SystemTime::now(), state_word(link), details, made);
    }

    /// Makes the messages of a frame.
    pub(super) fn observe(&mut self, observation: &Observation, made: &mut Made) {
        let camera = observation.meta.camera;
        let mut memory = self.cameras.remove(&camera).unwrap_or_default();
        for face in &observation.faces {
            if face.state != TrackState::Tentative {
                self.observe_face(face, observation, &mut memory, made);
            }
        }
        for event in &observation.zone_events {
            self.observe_zone(event, observation, &memory, made);
        }
        self.observe_ended(observation, &mut memory, made);
        self.observe_count(observation, &mut memory, made);
        memory.forget(observation.meta.stream_time(), self.person_gap);
        self.cameras.insert(camera, memory);
        if self.wants(EventKind::Observation) {
            let details = ObservationDetails { observation: ObservationRecord::new(observation) };
            let wall = observation.meta.wall;
            self.make(EventKind::Observation, camera, wall, "observation", details, made);
        }
    }

    fn observe_face(
        &mut self,
        face: &ObservedFace,
        observation: &Observation,
        memory: &mut CameraMemory,
        made: &mut Made,
    ) {
        let now = observation.meta.stream_time();
        let track = memory.tracks.entry(face.track).or_insert(TrackMemory {
            first: now,
            last: now,
            person: None,
            attributes: None,
        });
        track.last = now;
        track.attributes = face.attributes.or(track.attributes);
        track.person = face.identity.person().or(track.person);
        let passerby_types::Identity::Person { id, similarity } = face.identity else { return };
        let before = memory.persons.insert(id, now);
        let is_new = self.announced.add(id);
        let is_back = before.is_none_or(|before| now.saturating_sub(before) >= self.person_gap);
        if is_new || is_back {
            let details = PersonDetails {
                track: face.track,
                person: id,
                similarity: similarity.is_finite().then_some(similarity),
                attributes: AttributeDetails::new(face.attributes),
            };
            let meta = &observation.meta;
            let kind = if is_new { "new" } else { "seen" };
            self.make(EventKind::Person, meta.camera, meta.wall, kind, details, made);
        }
    }

    fn observe_zone(
        &mut self,
        event: &ZoneEvent,
        observation: &Observation,
        memory: &CameraMemory,
        made: &mut Made,
    ) {
        let track = event.track;
        let person = memory.tracks.get(&track).and_then(|track| track.person);
        let (camera, wall) = (observation.meta.camera, observation.meta.wall);
        match &event.change {
            ZoneChange::Entered { zone } => {
                let details = ZoneDetails { track, person, zone, dwell_s: None };
                self.make(EventKind::Zone, camera, wall, "entered", details, made);
            }
            ZoneChange::Left { zone, dwell } => {
                let details = ZoneDetails { track, person, zone, dwell_s: Some(dwell.as_secs_f64()) };
                self.make(EventKind::Zone, camera, wall, "left", details, made);
            }
            ZoneChange::Crossed { line, from } => {
                let details = LineDetails { track, person, line, from: *from };
                self.make(EventKind::Line, camera, wall, "crossed", details, made);
            }
        }
    }

    fn observe_ended(&mut self, observation: &Observation, memory: &mut CameraMemory, made: &mut Made) {
        for number in &observation.ended {
            // Tracks that were never confirmed are not kept.
            let Some(track) = memory.tracks.remove(number) else { continue };
            let details = TrackDetails {
                track: *number,
                person: track.person,
                duration_s: track.last.saturating_sub(track.first).as_secs_f64(),
                attributes: AttributeDetails::new(track.attributes),
            };
            let meta = &observation.meta;
            self.make(EventKind::Track, meta.camera, meta.wall, "ended", details, made);
        }
    }

    fn observe_count(&mut self, observation: &Observation, memory: &mut CameraMemory, made: &mut Made) {
        let now = observation.meta.stream_time();
        let faces = observation.faces.iter().filter(|face| face.state == TrackState::Confirmed).count();
        let is_due = memory
            .faces
            .is_none_or(|(before, since)| before != faces && (now < since || now - since >= FACES_INTERVAL));
        if is_due {
            memory.faces = Some((faces, now));
            let (camera, wall) = (observation.meta.camera, observation.meta.wall);
            self.make(EventKind::Faces, camera, wall, "faces", FacesDetails { faces }, made);
        }
    }

    fn wants(&self, kind: EventKind) -> bool {
        self.kinds.contains(&kind)
    }

    fn make(
        &mut self,
        kind: EventKind,
        camera: CameraId,
        wall: SystemTime,
        event_type: &str,
        details: impl Serialize,
        made: &mut Made,
    ) {
        if !self.wants(kind) {
            return;
        }
        self.made += 1;
        let name = self.name_of(camera);
        let wall = jiff::Timestamp::try_from(wall).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let envelope = Envelope {
            version: FORMAT_VERSION,
            id: &format!("{}-{}", self.run, self.made),
            node: &self.node,
            camera: &name,
            wall: &format!("{wall:.6}"),
            event_type,
            details,
        };
        match serde_json::to_vec(&envelope) {
            Ok(payload) if payload.len() <= MAX_PAYLOAD_BYTES => made.messages.push(Message {
                topic: format!("camera/{}/{}", topic_level(&name), last_level(kind)),
                retain: matches!(kind, EventKind::Camera | EventKind::Faces),
                payload,
            }),
            _ => made.too_large += 1,
        }
    }
}

impl CameraMemory {
    /// Forgets the oldest tracks and the persons who left, if there are too many.
    fn forget(&mut self, now: Duration, person_gap: Duration) {
        while self.tracks.len() > MAX_KEPT {
            self.tracks.pop_first();
        }
        if self.persons.len() > MAX_KEPT {
            self.persons.retain(|_, last| now.saturating_sub(*last) < person_gap);
        }
        while self.persons.len() > 2 * MAX_KEPT {
            self.persons.pop_first();
        }
    }
}

/// Returns the `event_type` of a camera's state.
fn state_word(link: CameraLink) -> &'static str {
    match link {
        CameraLink::Live => "live",
        CameraLink::Lost => "lost",
        CameraLink::Ended => "ended",
    }
}

/// Returns the last level of the topic of a kind.
fn last_level(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Person => "person",
        EventKind::Track => "track",
        EventKind::Line => "line",
        EventKind::Zone => "zone",
        EventKind::Camera => "state",
        EventKind::Faces => "faces",
        EventKind::Observation => "observation",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]
mod tests {
    use std::sync::Arc;

    use passerby_testkit::suite::observation;
    use passerby_types::Identity;
    use serde_json::{Value, json};

    use super::*;

    fn maker(settings: &EventSettings) -> MessageMaker {
        let mut maker = MessageMaker::new(settings, UNIX_EPOCH + Duration::from_micros(0xabc));
        maker.name(CameraId(0), "door");
        maker
    }

    fn timed(seq: u64, at: Duration) -> Observation {
        let mut made = observation(0, seq);
        made.meta = made.meta.with_pts(at).with_wall(UNIX_EPOCH + at);
        made
    }

    fn values(made: &Made) -> Vec<(String, Value)> {
        let value =
            |message: &Message| (message.topic.clone(), serde_json::from_slice(&message.payload).unwrap());
        made.messages.iter().map(value).collect()
    }

    fn all(maker: &mut MessageMaker, observations: &[Observation]) -> Vec<(String, Value)> {
        let mut made = Made::default();
        observations.iter().for_each(|observation| maker.observe(observation, &mut made));
        values(&made)
    }

    #[test]
    fn a_person_is_new_once_and_seen_after_the_gap() {
        let mut maker = maker(&EventSettings::default());
        let times = [0, 1, 30, 89, 149, 150];
        let frames: Vec<_> = times.iter().map(|s| timed(*s, Duration::from_secs(*s))).collect();
        let made = all(&mut maker, &frames);
        let kinds: Vec<_> = made.iter().map(|(_, value)| value["event_type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["new", "seen"], "the second after 60 s away");
        assert_eq!(made[1].1["wall"], "1970-01-01T00:02:29.000000Z");
    }

    #[test]
    fn a_person_of_an_earlier_run_is_not_new() {
        let mut maker = maker(&EventSettings { known_persons: 1, ..EventSettings::default() });
        let made = all(&mut maker, &[timed(0, Duration::ZERO)]);
        assert_eq!(made[0].1["event_type"], "seen");
    }

    #[test]
    fn a_message_has_the_documented_keys() {
        let mut maker = maker(&EventSettings::default());
        let mut last = timed(3, Duration::from_secs(2));
        last.faces.clear();
        last.ended = vec![TrackId(1), TrackId(9)];
        let change = ZoneChange::Crossed { line: Arc::from("entrance"), from: LineSide::Left };
        last.zone_events = vec![
            ZoneEvent { track: TrackId(1), at: Duration::from_secs(2), change },
            ZoneEvent {
                track: TrackId(1),
                at: Duration::from_secs(2),
                change: ZoneChange::Left { zone: Arc::from("counter"), dwell: Duration::from_millis(1500) },
            },
        ];
        let made = all(&mut maker, &[timed(0, Duration::ZERO), last]);
        let wall = "1970-01-01T00:00:02.000000Z";
        let head = |id: &str, kind: &str, wall: &str| json!({ "version": 1, "id": id, "node": "passerby", "camera": "door", "wall": wall, "event_type": kind });
        let with = |mut head: Value, details: Value| {
            let details = details.as_object().unwrap().clone();
            head.as_object_mut().unwrap().extend(details);
            head
        };
        let attributes =
            json!({ "age": 41.5, "age_interval": [33.0, 50.0], "p_male": 0.97, "gender": "male" });
        let expected = [
            (
                "camera/door/person",
                with(
                    with(head("abc-1", "new", "1970-01-01T00:00:00.000000Z"), attributes.clone()),
                    json!({ "track": 1, "person": 1, "similarity": 0.8 }),
                ),
            ),
            (
                "camera/door/line",
                with(
                    head("abc-2", "crossed", wall),
                    json!({ "track": 1, "person": 1, "line": "entrance", "from": "left" }),
                ),
            ),
            (
                "camera/door/zone",
                with(
                    head("abc-3", "left", wall),
                    json!({ "track": 1, "person": 1, "zone": "counter", "dwell_s": 1.5 }),
                ),
            ),
            (
                "camera/door/track",
                with(
                    with(head("abc-4", "ended", wall), attributes),
                    json!({ "track": 1, "person": 1, "duration_s": 0.0 }),
                ),
            ),
        ];
        assert_eq!(made.len(), expected.len());
        for ((topic, value), (expected_topic, expected)) in made.iter().zip(&expected) {
            assert_eq!(topic, expected_topic);
            assert_eq!(value, expected);
        }
    }

    #[test]
    fn no_message_has_an_embedding_or_landmarks() {
        let kinds = vec![EventKind::Person, EventKind::Track, EventKind::Faces, EventKind::Observation];
        let mut maker = maker(&EventSettings { kinds, ..EventSettings::default() });
        let made = all(&mut maker, &[timed(0, Duration::ZERO)]);
        assert_eq!(made.len(), 3, "person, faces and observation");
        for (_, value) in &made {
            let text = value.to_string();
            assert!(!text.contains("embedding") && !text.contains("landmarks"), "{text}");
        }
        assert_eq!(made[2].1["observation"]["faces"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn the_number_of_faces_is_sent_once_a_second_if_it_changes() {
        let mut maker = maker(&EventSettings { kinds: vec![EventKind::Faces], ..EventSettings::default() });
        let frames: Vec<_> = (0..40)
            .map(|i| {
                let mut frame = timed(i, Duration::from_millis(100 * i));
                if i % 2 == 1 {
                    frame.faces.clear();
                }
                frame
            })
            .collect();
        let counts: Vec<_> =
            all(&mut maker, &frames).iter().map(|(_, value)| value["faces"].as_u64().unwrap()).collect();
        assert_eq!(counts, [2, 0, 2, 0]);
    }

    #[test]
    fn a_message_that_is_too_large_is_counted() {
        let kinds = vec![EventKind::Observation];
        let mut maker = maker(&EventSettings { kinds, ..EventSettings::default() });
        let mut frame = timed(0, Duration::ZERO);
        let face = frame.faces[1].clone();
        frame.faces = (0..5000).map(|track| ObservedFace { track: TrackId(track), ..face.clone() }).collect();
        let mut made = Made::default();
        maker.observe(&frame, &mut made);
        assert_eq!((made.messages.len(), made.too_large), (0, 1));
    }

    #[test]
    fn tracks_and_persons_without_an_end_are_bounded() {
        let mut maker = maker(&EventSettings::default());
        let mut made = Made::default();
        for seq in 0..20_000 {
            let mut frame = timed(seq, Duration::from_millis(seq));
            frame.faces[0].track = TrackId(10 + seq);
            frame.faces[0].identity = Identity::Person { id: PersonId(2 * seq), similarity: 0.8 };
            maker.observe(&frame, &mut made);
        }
        let memory = &maker.cameras[&CameraId(0)];
        assert!(memory.tracks.len() <= MAX_KEPT && memory.persons.len() <= 2 * MAX_KEPT);
        let mut announced = Announced::default();
        assert!((0..200_000).all(|i| announced.add(PersonId(3 * i))));
        assert!(announced.above.len() <= MAX_ANNOUNCED);
    }

    #[test]
    fn a_new_connection_is_a_message_that_is_kept() {
        let mut maker = maker(&EventSettings::default());
        let mut made = Made::default();
        maker.link(CameraId(0), CameraLink::Lost, Some("timed\nout"), &mut made);
        assert!(made.messages[0].retain);
        let (topic, value) = &values(&made)[0];
        assert_eq!((topic.as_str(), &value["event_type"]), ("camera/door/state", &json!("lost")));
        assert!(!value["error"].as_str().unwrap().contains('\n'));
    }
}
