//! A mosquitto of the test's own, a subscriber, and a gate between the sink and the broker.

use std::fs;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use tempfile::TempDir;

use crate::{LIMIT, wait_for};

/// A running mosquitto.
pub(crate) struct Broker {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Broker {
    /// Starts a broker on a free port. Prints the reason and returns `None` without the program mosquitto.
    pub(crate) fn start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        // Nothing is dropped because a queue is full.
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\n"
        );
        fs::write(folder.path().join("mosquitto.conf"), config).unwrap();
        let mut broker = Self { folder, port, child: None };
        if !broker.run() {
            println!("SKIPPED: the program mosquitto is not installed");
            return None;
        }
        Some(broker)
    }

    /// Runs the program, and waits until it answers. Returns false if it is not installed.
    fn run(&mut self) -> bool {
        let config = self.folder.path().join("mosquitto.conf");
        // Debian installs it into a folder that only root has in its path.
        let spawn = |program: &str| {
            Command::new(program)
                .arg("-c")
                .arg(&config)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
        };
        let Ok(child) = spawn("mosquitto").or_else(|_| spawn("/usr/sbin/mosquitto")) else { return false };
        self.child = Some(child);
        wait_for("the start of mosquitto", || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
        true
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Kills the program (SIGKILL), so that it loses everything that it has in memory.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(crate) fn restart(&mut self) {
        self.kill();
        assert!(self.run());
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A message as a subscriber gets it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) topic: String,
    pub(crate) retained: bool,
    pub(crate) payload: Vec<u8>,
}

/// Subscribes to everything, until it is dropped or the broker dies.
pub(crate) struct Subscriber {
    client: Client,
    thread: Option<JoinHandle<()>>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Subscriber {
    /// Connects and waits until the broker has confirmed the subscription. Adds each message to `received`.
    ///
    /// mosquitto writes a message to its connected subscribers before it acknowledges it, so this subscriber gets everything that was
    /// acknowledged.
    pub(crate) fn connect(broker: &Broker, received: &Arc<Mutex<Vec<Received>>>) -> Self {
        let mut options = MqttOptions::new("subscriber", "127.0.0.1", broker.port());
        options.set_max_packet_size(1 << 20, 1 << 20);
        let (client, mut connection) = Client::new(options, 10);
        client.subscribe("#", QoS::AtMostOnce).unwrap();
        let (subscribed, is_subscribed) = mpsc::channel();
        let list = Arc::clone(received);
        let thread = thread::spawn(move || {
            for event in connection.iter() {
                match event {
                    Ok(Event::Incoming(Packet::SubAck(_))) => drop(subscribed.send(())),
                    Ok(Event::Incoming(Packet::Publish(message))) => list.lock().unwrap().push(Received {
                        topic: message.topic,
                        retained: message.retain,
                        payload: message.payload.to_vec(),
                    }),
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
        });
        is_subscribed.recv_timeout(LIMIT).unwrap();
        Self { client, thread: Some(thread), received: Arc::clone(received) }
    }

    /// Returns the messages with JSON below this level of the topic, when no more has come for a while.
    pub(crate) fn values(&self, level: &str) -> Vec<Value> {
        settled(&self.received);
        values(&self.received, level)
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.client.try_disconnect();
        self.thread.take().map(JoinHandle::join);
    }
}

/// Waits until no message has come for half a second.
pub(crate) fn settled(received: &Mutex<Vec<Received>>) {
    let mut before = usize::MAX;
    wait_for("the end of the messages", || {
        let now = received.lock().unwrap().len();
        let is_settled = now == before;
        before = now;
        if !is_settled {
            thread::sleep(Duration::from_millis(500));
        }
        is_settled
    });
}

/// Returns the messages with JSON whose topic ends with this level.
pub(crate) fn values(received: &Mutex<Vec<Received>>, level: &str) -> Vec<Value> {
    let received = received.lock().unwrap();
    let wanted = received.iter().filter(|message| message.topic.rsplit('/').next() == Some(level));
    wanted.map(|message| serde_json::from_slice(&message.payload).unwrap()).collect()
}

/// Lets connections through to the broker while it is open.
pub(crate) struct Gate {
    port: u16,
    is_open: Arc<AtomicBool>,
}

impl Gate {
    /// Opens a gate. Its thread ends with the test.
    pub(crate) fn open(broker: &Broker) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_open = Arc::new(AtomicBool::new(true));
        let (open, target) = (Arc::clone(&is_open), broker.port());
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if !open.load(Ordering::SeqCst) {
                    continue; // which closes the connection
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { continue };
                let (client_too, server_too) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || pass_on(client, server));
                thread::spawn(move || pass_on(server_too, client_too));
            }
        });
        Self { port, is_open }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn set_open(&self, is_open: bool) {
        self.is_open.store(is_open, Ordering::SeqCst);
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
