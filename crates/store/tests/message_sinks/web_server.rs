//! A web server on loopback that does as it is told.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// The behaviour of the server at one request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply {
    /// Answers with this status.
    Status(u16),
    /// Answers 429, and asks for a pause of a second.
    Later,
    /// Reads the request, and never answers.
    Stall,
    /// Closes the connection before it reads the request.
    Cut,
    /// Reads the request, and closes the connection in the middle of the answer.
    CutAnswer,
}

/// A request that the server has read.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: Value,
    pub(crate) is_acknowledged: bool,
}

/// The server. Its threads end with the test.
pub(crate) struct WebServer {
    port: u16,
    replies: Arc<Mutex<VecDeque<Reply>>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl WebServer {
    /// Starts a server that gives these replies, and 200 after them.
    pub(crate) fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let replies = Arc::new(Mutex::new(replies.into_iter().collect::<VecDeque<_>>()));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (script, list) = (Arc::clone(&replies), Arc::clone(&requests));
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let reply = script.lock().unwrap().pop_front().unwrap_or(Reply::Status(200));
                let list = Arc::clone(&list);
                thread::spawn(move || answer(connection, reply, &list));
            }
        });
        Self { port, replies, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Returns the number of replies that were not given yet.
    pub(crate) fn replies_left(&self) -> usize {
        self.replies.lock().unwrap().len()
    }

    /// Returns the messages of all requests that were acknowledged, in their order.
    pub(crate) fn acknowledged(&self) -> Vec<Value> {
        let requests = self.requests();
        let acknowledged = requests.iter().filter(|request| request.is_acknowledged);
        let messages = acknowledged.flat_map(|request| request.body["messages"].as_array().unwrap());
        messages.map(|message| message["message"].clone()).collect()
    }
}

fn answer(mut connection: TcpStream, reply: Reply, requests: &Mutex<Vec<Request>>) {
    if matches!(reply, Reply::Cut) {
        return;
    }
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut head = String::new();
    while reader.read_line(&mut head).unwrap_or(0) > 2 {}
    let length = head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let Some(length) = length else { return };
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let is_acknowledged = matches!(reply, Reply::Status(200..=299));
    let body = serde_json::from_slice(&body).unwrap();
    requests.lock().unwrap().push(Request { head, body, is_acknowledged });
    let text = match reply {
        Reply::Status(status) => {
            format!("HTTP/1.1 {status} So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        Reply::Later => {
            "HTTP/1.1 429 Later\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".into()
        }
        Reply::CutAnswer => "HTTP/1.1 20".into(),
        Reply::Stall | Reply::Cut => {
            thread::sleep(Duration::from_secs(10));
            return;
        }
    };
    let _ = connection.write_all(text.as_bytes());
}
