//! Messages to an MQTT broker.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{
    CameraId, CameraLink, DeliveryCounts, EventKind, MessageSink, Observation, Sink, SinkError,
};
use rumqttc::{AsyncClient, Event, EventLoop, LastWill, MqttOptions, Packet, QoS};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::events::courier::Courier;
use crate::events::discovery::discovery;
use crate::events::messages::MAX_PAYLOAD_BYTES;
use crate::events::names::topic_level;
use crate::events::outbox::{Message, Outbox};
use crate::events::settings::EventSettings;

/// The most messages that wait for an acknowledgement.
const BATCH: usize = 64;
/// The room for a topic and the header of a packet, in bytes. A topic of MQTT has at most 65,535.
const MAX_HEAD_BYTES: usize = 66_000;
/// How long the broker may be silent before the connection counts as lost.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The interval between two looks whether the end has come.
const END_POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How long the farewell may take.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(1);

/// The connection of an [`Mqtt`] to its broker.
#[derive(Clone, PartialEq, Eq)]
pub struct MqttSettings {
    /// The name or address of the broker. `localhost` by default.
    pub host: String,
    /// The port. 1883 by default.
    pub port: u16,
    /// The user, or `None` for a broker that asks for none.
    pub username: Option<String>,
    /// The password. No `Debug` output and no error shows it.
    pub password: Option<String>,
    /// The name of this client, which no other client of the broker may have. By default `passerby-` and the node.
    pub client_id: Option<String>,
    /// The first level of all topics. `passerby` by default.
    pub topic_prefix: String,
    /// The prefix of Home Assistant's discovery, or `None` to send none. `homeassistant` by default.
    pub discovery_prefix: Option<String>,
    /// The kinds of messages and their limits. The default also has the number of faces.
    pub events: EventSettings,
}

impl Default for MqttSettings {
    fn default() -> Self {
        let mut events = EventSettings::default();
        events.kinds.push(EventKind::Faces);
        Self {
            host: "localhost".into(),
            port: 1883,
            username: None,
            password: None,
            client_id: None,
            topic_prefix: "passerby".into(),
            discovery_prefix: Some("homeassistant".into()),
            events,
        }
    }
}

impl MqttSettings {
    /// Returns the topic of the node.
    fn root(&self) -> String {
        format!("{}/{}", self.topic_prefix, topic_level(&self.events.node))
    }
}

/// Leaves the password out.
impl fmt::Debug for MqttSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MqttSettings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("username", &self.username)
            .field("topic_prefix", &self.topic_prefix)
            .field("discovery_prefix", &self.discovery_prefix)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

/// Sends messages to an MQTT broker (version 3.1.1, quality of service 1, without encryption).
///
/// [`Sink::write`] puts messages into a queue and never waits for the network. A thread delivers them in their order. A message stays in
/// the queue until the broker has acknowledged it, and is sent again after a broken connection: the broker gets it at least once. If the
/// queue is full, the sink returns an error of the class `Reset`, and takes nothing. Messages that are in the queue when the process
/// is killed are lost.
///
/// The broker keeps the state of each camera, and `status` of the node: `online`, or `offline` after the end or a lost connection.
///
/// ```no_run
/// use passerby_store::{Mqtt, MqttSettings};
/// use passerby_types::{CameraId, FrameMeta, MessageSink, Observation, Sink};
///
/// let mut sink = Mqtt::start(MqttSettings { host: "broker.local".into(), ..MqttSettings::default() })?;
/// sink.name_cameras(&[(CameraId(0), "door")]);
/// sink.write(&[Observation::new(FrameMeta::new(0, 12), 640, 360)])?;
/// sink.flush()?;
/// println!("{} messages delivered", sink.counts().delivered);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Mqtt {
    courier: Courier,
    node: String,
    root: String,
    discovery_prefix: Option<String>,
}

impl Mqtt {
    /// Starts the thread that connects to the broker. It tries again until it succeeds.
    ///
    /// # Errors
    /// The system's error if it has no more threads.
    pub fn start(settings: MqttSettings) -> io::Result<Self> {
        let woken = Arc::new(Notify::new());
        let waker = Arc::clone(&woken);
        let outbox = Arc::new(Outbox::new(&settings.events, move || waker.notify_one()));
        let name = format!("mqtt://{}:{}", settings.host, settings.port);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let (node, root) = (settings.events.node.clone(), settings.root());
        let discovery_prefix = settings.discovery_prefix.clone();
        let events = settings.events.clone();
        let deliver = move |outbox: &Outbox| runtime.block_on(run(&settings, outbox, &woken));
        let courier = Courier::start(name, "passerby-mqtt", &events, outbox, deliver)?;
        Ok(Self { courier, node, root, discovery_prefix })
    }
}

impl Sink for Mqtt {
    /// Takes the messages of a batch into the queue: all of it or nothing.
    ///
    /// # Errors
    /// `Reset` if the queue is full. `Fatal` if the thread has ended.
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
        self.courier.write(batch)
    }

    /// Waits until the broker has acknowledged every message, at most for [`EventSettings::flush_timeout`].
    ///
    /// # Errors
    /// `Reset` if messages still wait.
    fn flush(&mut self) -> Result<(), SinkError> {
        self.courier.flush()
    }
}

impl MessageSink for Mqtt {
    fn name(&self) -> &str {
        self.courier.name()
    }

    /// Names cameras. Topics and messages use the names from then on, and Home Assistant shows a device for each.
    fn name_cameras(&mut self, names: &[(CameraId, &str)]) {
        for camera in self.courier.name_cameras(names) {
            let Some(prefix) = &self.discovery_prefix else { continue };
            let name = self.courier.name_of(camera);
            let messages = discovery(prefix, &self.root, &self.node, &name);
            let message = |(topic, value): (String, serde_json::Value)| Message {
                topic: format!("/{topic}"),
                retain: true,
                payload: value.to_string().into_bytes(),
            };
            self.courier.add(messages.into_iter().map(message).collect());
        }
    }

    fn camera_link(&mut self, camera: CameraId, link: CameraLink, error: Option<&str>) {
        self.courier.link(camera, link, error);
    }

    fn counts(&self) -> DeliveryCounts {
        self.courier.counts()
    }
}

/// Delivers until the end.
async fn run(settings: &MqttSettings, outbox: &Outbox, woken: &Notify) {
    loop {
        let mut session = Session::new(settings);
        let ended = tokio::select! {
            ended = session.serve(settings, outbox, woken) => ended,
            () = end(outbox, false) => return,
        };
        let Err(why) = ended else { return };
        let pause = sleep(outbox.failed(&why));
        tokio::select! {
            () = pause => {}
            () = end(outbox, true) => return,
        }
    }
}

/// Returns when the sink must give up or, without a connection, when the end has come and no message waits.
async fn end(outbox: &Outbox, is_idle: bool) {
    loop {
        if let Some(left) = outbox.ends_in()
            && (left.is_zero() || (is_idle && outbox.oldest(1).is_empty()))
        {
            return;
        }
        sleep(END_POLL_INTERVAL).await;
    }
}

/// One connection to the broker.
struct Session {
    client: AsyncClient,
    events: EventLoop,
    status: Message,
    root: String,
    answer_timeout: Duration,
}

impl Session {
    fn new(settings: &MqttSettings) -> Self {
        let root = settings.root();
        let node = &settings.events.node;
        let id = settings.client_id.clone().unwrap_or_else(|| format!("passerby-{node}"));
        let mut options = MqttOptions::new(id, &settings.host, settings.port);
        options.set_keep_alive(KEEP_ALIVE);
        options.set_max_packet_size(MAX_HEAD_BYTES, MAX_PAYLOAD_BYTES + MAX_HEAD_BYTES);
        options.set_last_will(LastWill::new(format!("{root}/status"), "offline", QoS::AtLeastOnce, true));
        if settings.username.is_some() || settings.password.is_some() {
            let word = |word: &Option<String>| word.clone().unwrap_or_default();
            options.set_credentials(word(&settings.username), word(&settings.password));
        }
        let (client, events) = AsyncClient::new(options, BATCH + 1);
        let status = Message { topic: "status".into(), retain: true, payload: b"online".to_vec() };
        Self { client, events, status, root, answer_timeout: settings.events.answer_timeout }
    }

    /// Connects and delivers. Returns at the end, when no message waits.
    ///
    /// # Errors
    /// The reason why the connection is lost.
    async fn serve(
        &mut self,
        settings: &MqttSettings,
        outbox: &Outbox,
        woken: &Notify,
    ) -> Result<(), String> {
        self.connect(settings.events.answer_timeout).await?;
        self.publish(&[&self.status.copy()]).await?;
        // A broker that was restarted may have forgotten the kept messages.
        for chunk in outbox.kept().chunks(BATCH) {
            self.publish(&chunk.iter().map(AsRef::as_ref).collect::<Vec<_>>()).await?;
        }
        loop {
            let batch = outbox.oldest(BATCH);
            if !batch.is_empty() {
                self.publish(&batch.iter().map(AsRef::as_ref).collect::<Vec<_>>()).await?;
                outbox.delivered(batch.len());
                continue;
            }
            if outbox.ends_in().is_some() {
                self.say_farewell().await;
                return Ok(());
            }
            tokio::select! {
                event = self.events.poll() => drop(event.map_err(|e| e.to_string())?),
                () = woken.notified() => {}
            }
        }
    }

    async fn connect(&mut self, limit: Duration) -> Result<(), String> {
        let connected = async {
            loop {
                match self.events.poll().await {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => return Ok(()),
                    Ok(_) => {}
                    Err(e) => return Err(e.to_string()),
                }
            }
        };
        timeout(limit, connected).await.unwrap_or_else(|_| Err("no answer to the connection".into()))
    }

    /// Sends messages, at most [`BATCH`], and waits for as many acknowledgements.
    async fn publish(&mut self, messages: &[&Message]) -> Result<(), String> {
        for message in messages {
            let topic = message.full_topic(&self.root);
            let sent =
                self.client.try_publish(topic, QoS::AtLeastOnce, message.retain, message.payload.clone());
            sent.map_err(|e| e.to_string())?;
        }
        let limit = self.answer_timeout;
        let acknowledged = async {
            let mut left = messages.len();
            while left > 0 {
                match self.events.poll().await {
                    Ok(Event::Incoming(Packet::PubAck(_))) => left -= 1,
                    Ok(_) => {}
                    Err(e) => return Err(e.to_string()),
                }
            }
            Ok(())
        };
        timeout(limit, acknowledged).await.unwrap_or_else(|_| Err("no acknowledgement".into()))
    }

    async fn say_farewell(&mut self) {
        let offline = Message { payload: b"offline".to_vec(), ..self.status.copy() };
        let farewell = async {
            self.publish(&[&offline]).await?;
            self.client.try_disconnect().map_err(|e| e.to_string())?;
            while self.events.poll().await.is_ok() {}
            Ok::<(), String>(())
        };
        // Nothing depends on it: the broker's last will says the same.
        let _ = timeout(FAREWELL_TIMEOUT, farewell).await;
    }
}

impl Message {
    fn copy(&self) -> Self {
        Self { topic: self.topic.clone(), retain: self.retain, payload: self.payload.clone() }
    }

    /// Returns the topic below the node's, or the topic itself if it begins with `/`.
    fn full_topic(&self, root: &str) -> String {
        match self.topic.strip_prefix('/') {
            Some(topic) => topic.to_owned(),
            None => format!("{root}/{}", self.topic),
        }
    }
}
