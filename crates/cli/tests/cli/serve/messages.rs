//! Messages to a broker with a password and to a web server, in the documented shape.
#![allow(clippy::disallowed_methods, reason = "the threads of a test need no names")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::server::{Folder, PATIENCE, Server};
use super::{CLIP, ROOT, numbers};

const PASSWORD: &str = "hunter2 for the broker";
const TOKEN: &str = "hunter2-for-the-hook";

/// Messages by the last level of their topics.
type Messages = Arc<Mutex<Vec<(String, Value)>>>;

/// A mosquitto that asks for a password.
struct Broker {
    port: u16,
    child: Child,
}

impl Broker {
    /// Starts a broker on a free port. Says so and returns `None` if mosquitto is not installed.
    fn start(folder: &Folder) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (users, config) = (folder.path("users"), folder.path("mosquitto.conf"));
        fs::write(&users, format!("passerby:{PASSWORD}\nreader:reader\n")).unwrap();
        let hashed = Command::new("mosquitto_passwd").arg("-U").arg(&users).status();
        // Debian installs the program into a folder that only root has in its path.
        let mut program = Command::new("/usr/sbin/mosquitto");
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {}\nmax_queued_messages 0\n",
            users.display()
        );
        fs::write(&config, text).unwrap();
        let program = program.arg("-c").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        let (Ok(true), Ok(child)) = (hashed.map(|status| status.success()), program.spawn()) else {
            eprintln!("SKIPPED: the programs mosquitto and mosquitto_passwd are not installed");
            return None;
        };
        let broker = Self { port, child };
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "mosquitto does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        Some(broker)
    }

    /// Subscribes to everything, and adds the messages to `messages` until the broker ends (MQTT 3.1.1).
    fn subscribe(&self, messages: &Messages) -> JoinHandle<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let text = |text: &str| [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat();
        let packet = |kind: u8, content: &[u8]| [&[kind, content.len() as u8], content].concat();
        // Protocol level 4, with user, password and a clean session, and without keep alive.
        let connect =
            [text("MQTT"), vec![4, 0xC2, 0, 0], text("reader"), text("reader"), text("reader")].concat();
        stream.write_all(&packet(0x10, &connect)).unwrap();
        assert_eq!(read_packet(&mut stream), Some((0x20, vec![0, 0])), "the broker accepts the reader");
        stream.write_all(&packet(0x82, &[vec![0, 1], text("#"), vec![0]].concat())).unwrap();
        assert_eq!(read_packet(&mut stream), Some((0x90, vec![0, 1, 0])));
        let messages = Arc::clone(messages);
        thread::spawn(move || {
            while let Some((kind, content)) = read_packet(&mut stream) {
                assert_eq!(kind & 0xF6, 0x30, "a message with quality of service 0");
                let (topic, payload) =
                    content[2..].split_at(usize::from(u16::from_be_bytes([content[0], content[1]])));
                let topic = String::from_utf8(topic.to_vec()).unwrap();
                let payload = serde_json::from_slice(payload)
                    .unwrap_or_else(|_| Value::String(String::from_utf8(payload.to_vec()).unwrap()));
                messages.lock().unwrap().push((topic, payload));
            }
        })
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the first byte of a packet and its content. Returns `None` at the end of the connection.
fn read_packet(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut byte = || {
        let mut byte = [0];
        match stream.read_exact(&mut byte) {
            Ok(()) => Some(byte[0]),
            Err(e) => {
                assert!(!matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "no end: {e}");
                None
            }
        }
    };
    let kind = byte()?;
    let mut len = 0;
    for shift in [0, 7, 14, 21] {
        let part = byte()?;
        len |= usize::from(part & 0x7F) << shift;
        if part & 0x80 == 0 {
            break;
        }
    }
    let mut content = vec![0; len];
    stream.read_exact(&mut content).ok().map(|()| (kind, content))
}

/// Starts a web server that accepts everything with the token. Its thread ends with the test. Returns its port.
fn web_server(messages: &Messages) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let messages = Arc::clone(messages);
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let messages = Arc::clone(&messages);
            thread::spawn(move || while take_request(&connection, &messages).is_some() {});
        }
    });
    port
}

/// Answers one request. Returns `None` at the end of the connection.
fn take_request(mut connection: &TcpStream, messages: &Messages) -> Option<()> {
    let mut reader = BufReader::new(connection);
    let mut head = String::new();
    while reader.read_line(&mut head).ok()? > 2 {}
    if head.is_empty() {
        return None;
    }
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("post /hook http/1.1\r\n"), "{head}");
    let has_token = head.contains(&format!("authorization: bearer {TOKEN}\r\n"));
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let status = if has_token { "200 OK" } else { "401 Unauthorized" };
    if has_token {
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&body["version"], &body["node"]), (&1.into(), &"shop".into()));
        let list = body["messages"].as_array().unwrap().iter();
        let list = list.map(|one| (one["topic"].as_str().unwrap().to_owned(), one["message"].clone()));
        messages.lock().unwrap().extend(list);
    }
    connection.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes()).ok()
}

/// Returns the keys that `docs/events.md` lists for each kind of message, by the last level of its topic.
fn documented_keys() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(format!("{ROOT}/docs/events.md")).unwrap();
    let table = text.split("| key | messages | meaning |").nth(1).unwrap().split("\n\n").next().unwrap();
    let rows = table.lines().skip(2).map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let kinds = ["person", "track", "line", "zone", "state", "faces", "observation"];
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in rows {
        for kind in kinds.iter().filter(|kind| row[2] == "all" || row[2].split(", ").any(|one| one == **kind))
        {
            let named = row[1].split('`').skip(1).step_by(2).map(str::to_owned);
            keys.entry((*kind).to_owned()).or_default().extend(named);
        }
    }
    assert_eq!(keys.len(), kinds.len(), "{keys:?}");
    keys
}

/// Checks that each message has the documented keys and no other. Returns the number of messages by kind.
fn check(messages: &Messages, root: &str) -> BTreeMap<String, u64> {
    let documented = documented_keys();
    let mut counts = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for (topic, message) in messages.lock().unwrap().iter() {
        let Some(kind) = topic.strip_prefix(&format!("{root}camera/door/")) else { continue };
        let keys: BTreeSet<String> = message.as_object().unwrap().keys().cloned().collect();
        let mut expected = documented[kind].clone();
        if message["event_type"] == "entered" {
            expected.remove("dwell_s");
        }
        assert_eq!(keys, expected, "{topic}: {message}");
        assert_eq!(
            (&message["version"], &message["node"], &message["camera"]),
            (&1.into(), &"shop".into(), &"door".into())
        );
        assert!(
            ids.insert(message["id"].to_string()),
            "the connection never broke, so no message came twice"
        );
        *counts.entry(kind.to_owned()).or_default() += 1;
    }
    counts
}

#[test]
fn a_broker_and_a_web_server_get_every_message_in_the_documented_shape() {
    let folder = Folder::new();
    let Some(broker) = Broker::start(&folder) else { return };
    let (published, posted) = (Messages::default(), Messages::default());
    let subscriber = broker.subscribe(&published);
    let hook = web_server(&posted);
    fs::write(folder.path("hook-token.txt"), format!("{TOKEN}\n")).unwrap();
    let zones = "[camera.zones]\nzones = [{ name = \"picture\", polygon = [[0.02, 0.02], [0.98, 0.02], [0.98, 0.98], [0.02, 0.98]] }]
lines = [{ name = \"left\", from = [0.35, 1.0], to = [0.35, 0.0] }, { name = \"right\", from = [0.65, 1.0], to = [0.65, 0.0] }]";
    let kinds = "kinds = [\"person\", \"track\", \"line\", \"zone\", \"camera\", \"faces\", \"observation\"]";
    let events = format!(
        "[events]\nnode = \"shop\"\n[events.mqtt]\nhost = \"127.0.0.1\"\nport = {}\nusername = \"passerby\"\n\
        password_env = \"PASSERBY_TEST_BROKER\"\n{kinds}\n\
        [[events.webhook]]\nurl = \"http://127.0.0.1:{hook}/hook\"\ntoken_file = \"hook-token.txt\"\n{kinds}\n",
        broker.port
    );
    let clip = format!("{CLIP}?live=24");
    folder.write_with(&format!("enabled = false\n{events}"), &[("door", &clip, zones)]);
    let mut server = Server::start_with(&folder, &[("PASSERBY_TEST_BROKER", PASSWORD)]);
    server.wait_for("door: ended");
    server.signal("TERM");
    assert_eq!(server.end(), Some(143), "{:#?}", server.said);
    assert!(server.said.iter().all(|line| !line.contains("hunter2")), "{:#?}", server.said);

    // The number of delivered messages is the last one in the line about each server.
    let mut delivered = |address: String| {
        let line = server.wait_for(&format!("{address}: "));
        assert!(line.ends_with(", 0 lost"), "{line}");
        numbers(line.rsplit_once(": ").unwrap().1)[0]
    };
    let by_broker = delivered(format!("mqtt://127.0.0.1:{}", broker.port));
    let by_hook = delivered(format!("http://127.0.0.1:{hook}"));
    let until = Instant::now() + PATIENCE;
    let is_over = |messages: &Messages| {
        messages
            .lock()
            .unwrap()
            .iter()
            .any(|(topic, text)| topic == "passerby/shop/status" && text == "offline")
    };
    while !is_over(&published) {
        assert!(Instant::now() < until, "the farewell does not come");
        thread::sleep(Duration::from_millis(20));
    }
    let (topics, hook_topics) = (check(&published, "passerby/shop/"), check(&posted, ""));
    assert_eq!(topics, hook_topics, "both get the same");
    for kind in ["person", "track", "zone", "state", "faces", "observation"] {
        assert!(topics.contains_key(kind), "{topics:?}");
    }
    let sum: u64 = topics.values().sum();
    // Home Assistant's three entities of the camera count as messages, and the state of the node does not.
    assert_eq!((by_broker, by_hook), (sum + 3, sum));
    let discovered =
        published.lock().unwrap().iter().filter(|(topic, _)| topic.starts_with("homeassistant/")).count();
    assert_eq!(discovered, 3);
    drop(broker);
    subscriber.join().unwrap();
}

#[test]
fn a_wrong_password_is_said_and_costs_no_frame() {
    let folder = Folder::new();
    let Some(broker) = Broker::start(&folder) else { return };
    fs::write(folder.path("password.txt"), "hunter2-wrong\n").unwrap();
    let events = format!(
        "[events.mqtt]\nhost = \"127.0.0.1\"\nport = {}\nusername = \"passerby\"\npassword_file = \"password.txt\"\n",
        broker.port
    );
    let scene = "scene:people=1,size=320x180,live=10";
    folder.write_with(&format!("enabled = false\n{events}"), &[("door", scene, "")]);
    let mut server = Server::start(&folder);
    server.wait_for("door: connected");
    thread::sleep(Duration::from_millis(500));
    server.signal("TERM");
    server.end();
    let line = server.wait_for("mqtt://127.0.0.1:");
    assert!(line.contains(" 0 messages delivered, ") && !line.ends_with(" 0 lost"), "{line}");
    let said = server.said.join("\n");
    assert!(
        said.contains("not authorized") || said.contains("NotAuthorized") || said.contains("refused"),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
    let frames = server.wait_for(" analysed");
    assert!(numbers(&frames)[0] > 0, "{frames}");
}
