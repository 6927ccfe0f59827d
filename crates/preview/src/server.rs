//! The server: its threads, its connections, and its end.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::app::App;
use crate::connection::{Client, TimedStream};
use crate::error::PreviewError;
use crate::guard::{Guard, is_plain};
use crate::live::LiveBoard;
use crate::pictures::{PersonPictures, Pictures};
use crate::places::ViewerPlaces;
use crate::routes;
use crate::settings::PreviewSettings;
use crate::sources::PreviewSources;

/// The most headers of a request.
const MAX_HEADERS: usize = 64;
/// The most bytes of a request's head, and of an answer that waits for its client.
const BUFFER_BYTES: usize = 64 << 10;
/// The most threads for requests that wait for files and cameras.
const BLOCKING_THREADS: usize = 4;
/// How long a request may still take when the server stops.
const GRACE: Duration = Duration::from_millis(500);

/// The running server of the live page. Dropping it stops it like [`PreviewServer::stop`] with two seconds.
///
/// It has three threads: `preview` for the connections, `preview-live` for events and figures, and `preview-jpeg`, which encodes pictures
/// while someone looks. With [`PreviewSettings::person_pictures`] there is one more, `preview-persons`. Requests that wait for files run on at most four more.
pub struct PreviewServer {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    live: Arc<LiveBoard>,
    pictures: Arc<Pictures>,
    person_pictures: Option<Arc<PersonPictures>>,
    threads: Vec<JoinHandle<()>>,
}

/// Prints the address only.
impl fmt::Debug for PreviewServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreviewServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl PreviewServer {
    /// Listens on the address and starts the threads.
    ///
    /// # Errors
    /// [`PreviewError::NoToken`] and [`PreviewError::ShortToken`] for settings that would leave the page open,
    /// [`PreviewError::Listen`] if the address is in use, and [`PreviewError::Thread`] if the system has no more threads. Nothing
    /// runs then.
    pub fn start(settings: PreviewSettings, sources: PreviewSources) -> Result<Self, PreviewError> {
        check(&settings)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name("preview-request")
            .build()
            .map_err(PreviewError::Thread)?;
        let address = settings.address;
        let listen = |error| PreviewError::Listen { address, error };
        let listener = runtime.block_on(TcpListener::bind(address)).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;

        let places = ViewerPlaces::new(settings.max_viewers);
        let live = LiveBoard::new(&sources, Arc::clone(&places));
        let pictures = Pictures::new(settings.max_pictures_per_s);
        let (stop, stopped) = watch::channel(false);
        let gallery = sources.gallery.clone().filter(|_| settings.person_pictures && !settings.blur);
        let person_pictures = gallery.as_ref().map(|_| PersonPictures::new());
        let mut server = Self {
            address,
            stop,
            live: Arc::clone(&live),
            pictures: Arc::clone(&pictures),
            person_pictures: person_pictures.clone(),
            threads: Vec::new(),
        };
        let outputs = sources.outputs.clone();
        let guard = Guard::new(&settings, address);
        let app = Arc::new(App {
            settings,
            sources,
            guard,
            live: Arc::clone(&live),
            pictures: Arc::clone(&pictures),
            person_pictures: person_pictures.clone(),
            started: SystemTime::now(),
            places,
        });
        // A thread that does not start leaves the others to `drop`.
        server.spawn("preview-live", move || live.run())?;
        if let Some((pictures, gallery)) = person_pictures.zip(gallery) {
            let outputs = outputs.clone();
            server.spawn("preview-persons", move || pictures.run(&outputs, &gallery))?;
        }
        server.spawn("preview-jpeg", move || pictures.run(&outputs))?;
        server.spawn("preview", move || serve(runtime, &listener, &app, stopped))?;
        Ok(server)
    }

    /// Returns the address, with the port that the system chose.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the page's URL, without the token.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Returns the number of pictures that were encoded since the start. It does not rise while no one looks, nor for cameras whose pictures
    /// are passed on as they came.
    #[must_use]
    pub fn encoded_pictures(&self) -> u64 {
        self.pictures.encoded()
    }

    /// Ends all connections, and joins the threads. Returns false if one did not end within the timeout, because it is inside a call
    /// of [`CameraControl`](crate::CameraControl).
    #[must_use]
    pub fn stop(mut self, timeout: Duration) -> bool {
        self.end(timeout)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), PreviewError> {
        let thread =
            std::thread::Builder::new().name(name.into()).spawn(work).map_err(PreviewError::Thread)?;
        self.threads.push(thread);
        Ok(())
    }

    fn end(&mut self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        self.stop.send_replace(true);
        self.live.stop();
        self.pictures.stop();
        self.person_pictures.iter().for_each(|pictures| pictures.stop());
        while self.threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let (done, hanging): (Vec<_>, Vec<_>) = self.threads.drain(..).partition(JoinHandle::is_finished);
        // A panic of these threads has ended the page and nothing else.
        done.into_iter().for_each(|thread| drop(thread.join()));
        hanging.is_empty()
    }
}

impl Drop for PreviewServer {
    fn drop(&mut self) {
        self.end(Duration::from_secs(2));
    }
}

/// Refuses settings that would leave the page open.
fn check(settings: &PreviewSettings) -> Result<(), PreviewError> {
    match &settings.token {
        None if !settings.address.ip().is_loopback() => Err(PreviewError::NoToken(settings.address)),
        Some(token) if token.len() < 16 => Err(PreviewError::ShortToken(token.len())),
        Some(token) if !is_plain(token) => Err(PreviewError::TokenText),
        _ => Ok(()),
    }
}

/// Serves connections until the stop. The caller's thread becomes that of the runtime.
fn serve(runtime: Runtime, listener: &TcpListener, app: &Arc<App>, stopped: watch::Receiver<bool>) {
    let router = routes::router(app);
    runtime.block_on(accept(listener, app, &router, stopped));
    // Ends what is left, and waits for requests that are inside a file.
    drop(runtime);
}

async fn accept(listener: &TcpListener, app: &App, router: &Router, mut stopped: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(app.settings.max_connections));
    let mut connections = JoinSet::new();
    let each = stopped.clone();
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
                        let connection = connect(stream, Client::new(address.ip()), app, router.clone(), each.clone());
                        connections.spawn(async move {
                            connection.await;
                            drop(place);
                        });
                    }
                }
                // For example too many open files: others must end first.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
    let all = async { while connections.join_next().await.is_some() {} };
    // What is left is aborted.
    drop(tokio::time::timeout(GRACE, all).await);
}

fn connect(
    stream: TcpStream,
    client: Client,
    app: &App,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) -> impl Future<Output = ()> + Send + 'static {
    // Pictures and events must not wait for more bytes.
    drop(stream.set_nodelay(true));
    let io = TokioIo::new(TimedStream::new(stream, client.clone(), app.settings.write_timeout));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(app.settings.request_timeout)
        .max_headers(MAX_HEADERS)
        .max_buf_size(BUFFER_BYTES);
    let routes = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(client.clone());
        routes.call(request)
    });
    let connection = http.serve_connection(io, service).with_upgrades();
    async move {
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            // An error is the client's: it has closed the connection, or sent something else than HTTP.
            _ = connection.as_mut() => return,
            _ = stopped.wait_for(|stopped| *stopped) => connection.as_mut().graceful_shutdown(),
        }
        drop(connection.await);
    }
}
