//! A scripted camera that speaks HTTP.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A request of the client.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    pub authorization: Option<String>,
    /// The number of the request, over all connections.
    pub number: usize,
}

type Answer = dyn Fn(&mut TcpStream, &Request) -> bool + Send + Sync;

/// A camera that answers each request with a closure, on a thread for each connection, until it is dropped.
pub struct Camera {
    pub address: String,
    pub connections: Arc<AtomicUsize>,
    pub requests: Arc<Mutex<Vec<Request>>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Camera {
    /// Creates a camera. If `answer` returns true, the connection is kept.
    pub fn new(answer: impl Fn(&mut TcpStream, &Request) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its number").to_string();
        let connections = Arc::new(AtomicUsize::new(0));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stopped = Arc::new(AtomicBool::new(false));
        let answer: Arc<Answer> = Arc::new(answer);
        let count = Arc::clone(&connections);
        let list = Arc::clone(&requests);
        let stop = Arc::clone(&stopped);
        let run = move || {
            let mut open: Vec<(TcpStream, JoinHandle<()>)> = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Acquire) {
                    break;
                }
                count.fetch_add(1, Ordering::AcqRel);
                let copy = stream.try_clone().expect("a copy");
                let answer = Arc::clone(&answer);
                let list = Arc::clone(&list);
                let serve = move || serve(stream, &*answer, &list);
                let thread = std::thread::Builder::new().name("test-camera".into());
                open.push((copy, thread.spawn(serve).expect("a thread")));
            }
            for (stream, thread) in open {
                let _ = stream.shutdown(std::net::Shutdown::Both);
                thread.join().expect("a camera does not fail");
            }
        };
        let thread = std::thread::Builder::new().name("test-cameras".into()).spawn(run).expect("a thread");
        Self { address, connections, requests, stopped, thread: Some(thread) }
    }

    /// Creates a camera that answers every request with these bytes and closes the connection.
    pub fn sending(bytes: Vec<u8>) -> Self {
        Self::new(move |stream, _| {
            let _ = stream.write_all(&bytes);
            false
        })
    }

    pub fn url(&self) -> String {
        format!("http://{}/video", self.address)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no panic").clone()
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        let _ = TcpStream::connect(&self.address);
        if let Some(thread) = self.thread.take() {
            let result = thread.join();
            assert!(result.is_ok() || std::thread::panicking());
        }
    }
}

fn serve(mut stream: TcpStream, answer: &Answer, requests: &Mutex<Vec<Request>>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a copy"));
    loop {
        let mut path = String::new();
        let mut authorization = None;
        loop {
            let mut line = String::new();
            if !matches!(reader.read_line(&mut line), Ok(1..)) {
                return;
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("Authorization: ") {
                authorization = Some(value.to_owned());
            } else if path.is_empty() {
                path = line.split(' ').nth(1).unwrap_or_default().to_owned();
            }
        }
        let request = {
            let mut requests = requests.lock().expect("no panic");
            let request = Request { path, authorization, number: requests.len() };
            requests.push(request.clone());
            request
        };
        if !answer(&mut stream, &request) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

/// Returns an answer with this body.
pub fn answer(status: &str, header: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("HTTP/1.1 {status}\r\n{header}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
