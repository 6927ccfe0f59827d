//! The messages by which Home Assistant finds the cameras.

use serde_json::{Value, json};

use crate::events::messages::FORMAT_VERSION;
use crate::events::names::{plain_id, topic_level};

/// The kinds of entities: Home Assistant's component, our name, and the entity's own keys.
fn entities(base: &str) -> [(&'static str, &'static str, Value); 3] {
    [
        (
            "binary_sensor",
            "connection",
            json!({
                "name": "Connection",
                "device_class": "connectivity",
                "entity_category": "diagnostic",
                "state_topic": format!("{base}/state"),
                "value_template": "{{ 'ON' if value_json.event_type == 'live' else 'OFF' }}",
            }),
        ),
        (
            "sensor",
            "faces",
            json!({
                "name": "Faces",
                "icon": "mdi:face-recognition",
                "state_class": "measurement",
                "state_topic": format!("{base}/faces"),
                "value_template": "{{ value_json.faces }}",
            }),
        ),
        (
            "event",
            "person",
            json!({
                "name": "Person",
                "icon": "mdi:account",
                "state_topic": format!("{base}/person"),
                "event_types": ["new", "seen"],
            }),
        ),
    ]
}

/// Returns the topics and payloads for a camera. `prefix` is Home Assistant's, and `root` the topic of the node.
pub(super) fn discovery(prefix: &str, root: &str, node: &str, camera: &str) -> Vec<(String, Value)> {
    let base = format!("{root}/camera/{}", topic_level(camera));
    let device = format!("passerby_{}_{}", plain_id(node), plain_id(camera));
    let message = |(component, name, mut entity): (&str, &str, Value)| {
        let id = format!("{device}_{name}");
        let shared = json!({
            "unique_id": id,
            "object_id": id,
            "availability_topic": format!("{root}/status"),
            "device": {
                "identifiers": [device],
                "name": camera,
                "manufacturer": "passerby",
                "model": "camera",
                "sw_version": env!("CARGO_PKG_VERSION"),
            },
            "origin": {
                "name": "passerby",
                "sw_version": format!("{}, messages {FORMAT_VERSION}", env!("CARGO_PKG_VERSION")),
            },
        });
        if let (Value::Object(entity), Value::Object(shared)) = (&mut entity, shared) {
            entity.extend(shared);
        }
        (format!("{prefix}/{component}/{device}/{name}/config"), entity)
    };
    entities(&base).into_iter().map(message).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_assistant_gets_three_entities_a_camera() {
        let version = env!("CARGO_PKG_VERSION");
        let device = json!({
            "identifiers": ["passerby_shop_Front_20door"],
            "name": "Front door",
            "manufacturer": "passerby",
            "model": "camera",
            "sw_version": version,
        });
        let origin = json!({ "name": "passerby", "sw_version": format!("{version}, messages 1") });
        let made = discovery("homeassistant", "passerby/shop", "shop", "Front door");
        let expected = [
            (
                "homeassistant/binary_sensor/passerby_shop_Front_20door/connection/config",
                json!({
                    "name": "Connection",
                    "device_class": "connectivity",
                    "entity_category": "diagnostic",
                    "state_topic": "passerby/shop/camera/Front door/state",
                    "value_template": "{{ 'ON' if value_json.event_type == 'live' else 'OFF' }}",
                    "unique_id": "passerby_shop_Front_20door_connection",
                    "object_id": "passerby_shop_Front_20door_connection",
                    "availability_topic": "passerby/shop/status",
                    "device": device,
                    "origin": origin,
                }),
            ),
            (
                "homeassistant/sensor/passerby_shop_Front_20door/faces/config",
                json!({
                    "name": "Faces",
                    "icon": "mdi:face-recognition",
                    "state_class": "measurement",
                    "state_topic": "passerby/shop/camera/Front door/faces",
                    "value_template": "{{ value_json.faces }}",
                    "unique_id": "passerby_shop_Front_20door_faces",
                    "object_id": "passerby_shop_Front_20door_faces",
                    "availability_topic": "passerby/shop/status",
                    "device": device,
                    "origin": origin,
                }),
            ),
            (
                "homeassistant/event/passerby_shop_Front_20door/person/config",
                json!({
                    "name": "Person",
                    "icon": "mdi:account",
                    "state_topic": "passerby/shop/camera/Front door/person",
                    "event_types": ["new", "seen"],
                    "unique_id": "passerby_shop_Front_20door_person",
                    "object_id": "passerby_shop_Front_20door_person",
                    "availability_topic": "passerby/shop/status",
                    "device": device,
                    "origin": origin,
                }),
            ),
        ];
        assert_eq!(made, expected.map(|(topic, value)| (topic.to_owned(), value)));
    }
}
