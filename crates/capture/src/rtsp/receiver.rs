//! The thread that receives from the camera.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use passerby_types::SourceError;
use retina::client::SessionGroup;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::intake::{Intake, QueuedFrame};
use super::key_frame_watch::KeyFrameWatch;
use super::session::{self, StreamCodec};
use super::settings::RtspSettings;
use crate::live::address::Address;
use crate::live::connect_error::no_answer;
use crate::live::inbox::FrameInbox;

/// The opened session.
pub(super) struct Opened {
    pub(super) codec: StreamCodec,
    /// The frames per second, if the camera declares them.
    pub(super) rate: Option<f64>,
    /// A remark about the connection for the user.
    pub(super) notice: Option<&'static str>,
}

/// The data of the receiving thread.
pub(super) struct Receiver {
    pub(super) address: Address,
    pub(super) settings: RtspSettings,
    pub(super) inbox: Arc<FrameInbox<QueuedFrame>>,
    pub(super) watch: Arc<KeyFrameWatch>,
    pub(super) stop: Arc<Notify>,
}

impl Receiver {
    /// Connects, sends the result to `opened`, and receives until the session ends.
    pub(super) fn run(self, opened: &SyncSender<Result<Opened, SourceError>>) {
        let input = self.address.to_string();
        // The runtime has one more thread, for looking up names.
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = match runtime.enable_io().enable_time().thread_name("capture-rtsp-dns").build() {
            Ok(runtime) => runtime,
            Err(cause) => return drop(opened.send(Err(SourceError::Io { input, cause }))),
        };
        // If a camera makes the protocol code panic, the stream ends.
        let receive = || runtime.block_on(self.receive(opened));
        let what = catch_unwind(AssertUnwindSafe(receive)).unwrap_or_else(|_| "the receiver panicked".into());
        self.inbox.end(Some(SourceError::disconnected(input, what)));
        // Looking up a name cannot be cancelled. Its thread stays until the system has an answer.
        runtime.shutdown_background();
    }

    /// Returns the reason why the session ended.
    async fn receive(&self, opened: &SyncSender<Result<Opened, SourceError>>) -> String {
        let group = Arc::new(SessionGroup::default());
        let opening = session::open(&self.address, &self.settings, Arc::clone(&group));
        let connect_timeout = self.settings.connect_timeout;
        let result = timeout(connect_timeout, opening)
            .await
            .unwrap_or_else(|_| Err(no_answer(&self.address.to_string(), connect_timeout)));
        let reason = match result {
            Err(e) => {
                let _ = opened.send(Err(e));
                String::new()
            }
            Ok(session) => {
                let (codec, rate, notice) = (session.codec, session.rate, session.notice());
                let _ = opened.send(Ok(Opened { codec, rate, notice }));
                let RtspSettings { context, allow_damaged, .. } = &self.settings;
                let mut intake = Intake::new(
                    Arc::clone(&self.inbox),
                    Arc::clone(&self.watch),
                    Arc::clone(&context.clock),
                    *allow_damaged || session.codec == StreamCodec::Jpeg,
                    context.limits.bytes,
                    session.rate,
                );
                tokio::select! {
                    // The first branch goes first, so that a flood of packets cannot delay the stop.
                    biased;
                    () = self.stop.notified() => "cancelled".into(),
                    reason = session.receive(&mut intake) => reason,
                }
            }
        };
        let _ = timeout(session::TEARDOWN_TIMEOUT, group.await_teardown()).await;
        reason
    }
}
