//! One output on a thread of its own, so that an output that is not read or fails stops nothing else.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use passerby::store::create_owner_only;
use passerby::types::BoxError;

use super::chunk_queue::{Chunk, ChunkQueue};
use super::file_error::at;
use super::row_file::{RowFile, Settled};
use crate::stop::{END_TIMEOUT, Stop};
use crate::terminal;

/// The most bytes of rows that wait for an output.
const QUEUED_BYTES: usize = 8 << 20;
/// How often a wait looks for a stop.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How long an output may hold a run up before that is said.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long the thread tries again to write the last rows to a full disk.
const RETRY_TIMEOUT: Duration = Duration::from_secs(3);
/// The pause between two of these tries.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Those who may read other new files of the user.
    Usual,
    /// The user alone.
    Owner,
}

/// What an output does when its queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenBehind {
    /// It waits: the inputs are files, which can wait as well.
    Wait,
    /// It loses the rows and counts them: the inputs are cameras.
    Lose,
}

/// An output and the thread that writes it.
pub(crate) struct OutputThread {
    /// The path that the user gave.
    name: String,
    queue: Arc<ChunkQueue>,
    counts: Arc<Mutex<Counts>>,
    thread: JoinHandle<()>,
    when_behind: WhenBehind,
    is_wait_said: bool,
}

#[derive(Default)]
struct Counts {
    offered: u64,
    written: u64,
    /// The first error of the system.
    error: Option<String>,
}

impl OutputThread {
    /// Makes or empties each file and starts the thread. It opens a pipe later, on the thread, because that may take until
    /// the pipe has a reader.
    ///
    /// # Errors
    /// A file cannot be made, or the system has no more threads.
    pub(crate) fn start(
        name: &Path,
        files: Vec<PathBuf>,
        readers: Readers,
        when_behind: WhenBehind,
    ) -> Result<Self, BoxError> {
        for file in files.iter().filter(|file| !is_pipe(file)) {
            let made = if readers == Readers::Owner { create_owner_only(file) } else { File::create(file) };
            made.map_err(|e| at(file, &e))?;
        }
        let queue = Arc::new(ChunkQueue::new(QUEUED_BYTES));
        let counts = Arc::<Mutex<Counts>>::default();
        let writer = OutputWriter { files, open: Vec::new(), counts: Arc::clone(&counts) };
        let receiver = Arc::clone(&queue);
        let thread = thread::Builder::new().name("passerby-output".into());
        let thread = thread.spawn(move || writer.run(&receiver))?;
        Ok(Self { name: name.display().to_string(), queue, counts, thread, when_behind, is_wait_said: false })
    }

    /// Takes rows. If the thread is behind, waits or loses them, but never waits past a stop.
    pub(crate) fn send(&mut self, chunk: Chunk, stop: &Stop) {
        lock(&self.counts).offered += chunk.frames;
        let Err(mut chunk) = self.queue.send(chunk, Duration::ZERO) else { return };
        let begun = Instant::now();
        while self.when_behind == WhenBehind::Wait && !stop.is_overdue() {
            match self.queue.send(chunk, POLL_INTERVAL) {
                Ok(()) => return,
                Err(back) => chunk = back,
            }
            self.say_if_waiting(begun);
        }
    }

    /// Says that no more rows come. The thread goes on with those that wait.
    pub(crate) fn close(&self) {
        self.queue.close();
    }

    /// Waits for the last row. Must be called after [`OutputThread::close`]. Returns a line if rows were lost or the output failed.
    ///
    /// The output of cameras has until `deadline`; that of files has until a stop. After it the thread is left behind.
    pub(crate) fn finish(mut self, deadline: Instant, stop: &Stop) -> Option<String> {
        let begun = Instant::now();
        let waits = self.when_behind == WhenBehind::Wait;
        while !self.thread.is_finished() && (Instant::now() < deadline || waits && !stop.is_overdue()) {
            thread::sleep(POLL_INTERVAL / 10);
            self.say_if_waiting(begun);
        }
        let is_left_behind = !self.thread.is_finished();
        let counts = lock(&self.counts);
        let Counts { offered, written, .. } = *counts;
        let lost = offered - written;
        let why = match &counts.error {
            Some(error) => error,
            None if is_left_behind => "it has no reader",
            None if lost > 0 => "it was not read in time",
            None => return None,
        };
        Some(format!("{}: {lost} of {offered} frames not written: {why}", self.name))
    }

    fn say_if_waiting(&mut self, begun: Instant) {
        let waits = self.when_behind == WhenBehind::Wait && lock(&self.counts).error.is_none();
        if waits && begun.elapsed() >= PATIENCE && !self.is_wait_said {
            self.is_wait_said = true;
            terminal::warning(format_args!("{}: waits for its reader", self.name));
        }
    }
}

/// The part of an output that runs on its thread.
struct OutputWriter {
    files: Vec<PathBuf>,
    /// The open files, with their positions in `files`.
    open: Vec<(usize, RowFile<File>)>,
    counts: Arc<Mutex<Counts>>,
}

impl OutputWriter {
    fn run(mut self, queue: &ChunkQueue) {
        if let [only] = self.files.as_slice() {
            // A reader of a pipe waits for this, even if no row ever comes.
            match open(only) {
                Ok(file) => self.open.push((0, RowFile::new(file))),
                Err(e) => self.note(Some(&e)),
            }
        }
        while let Some(chunk) = queue.recv() {
            self.write(chunk);
        }
        let begun = Instant::now();
        while self.open.iter().any(|(_, file)| file.is_waiting()) && begun.elapsed() < RETRY_TIMEOUT {
            thread::sleep(RETRY_PAUSE);
            for place in 0..self.open.len() {
                let (settled, error) = self.open[place].1.write_pending();
                self.settle(settled, error.as_ref());
            }
        }
        while !self.open.is_empty() {
            self.end(0);
        }
    }

    /// Closes the file at this position among the open ones. If its last rows are not whole, cuts them off.
    fn end(&mut self, place: usize) {
        let (file, rows) = self.open.swap_remove(place);
        let (torn, out) = rows.into_torn();
        if torn > 0 && is_regular(&self.files[file]) {
            self.note(cut(&out, torn).err().as_ref());
        }
    }

    fn write(&mut self, chunk: Chunk) {
        let Chunk { file, last, .. } = chunk;
        let place = match self.place(file) {
            Ok(place) => place,
            Err(e) => return self.note(Some(&e)),
        };
        let out = &mut self.open[place].1;
        let (settled, error) = out.write(chunk);
        let is_done = last && !out.is_waiting();
        self.settle(settled, error.as_ref());
        if is_done {
            self.end(place);
        }
    }

    /// Returns the position of a file among the open ones, and opens it if necessary.
    fn place(&mut self, file: usize) -> io::Result<usize> {
        if let Some(place) = self.open.iter().position(|(open, _)| *open == file) {
            return Ok(place);
        }
        let path = self.files.get(file).ok_or(io::ErrorKind::NotFound)?;
        self.open.push((file, RowFile::new(open(path)?)));
        Ok(self.open.len() - 1)
    }

    fn settle(&self, settled: Settled, error: Option<&io::Error>) {
        lock(&self.counts).written += settled.written;
        self.note(error);
    }

    fn note(&self, error: Option<&io::Error>) {
        if let Some(e) = error {
            lock(&self.counts).error.get_or_insert_with(|| e.to_string());
        }
    }
}

/// Opens a file that exists, to write at its end.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    if is_regular(path) { options.append(true) } else { options.write(true) }.open(path)
}

/// Removes this number of bytes from the end of a file, so that it ends with whole rows.
fn cut(file: &File, torn: u64) -> io::Result<()> {
    let len = file.metadata()?.len();
    file.set_len(len.saturating_sub(torn))
}

fn is_regular(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file())
}

/// Returns true for a named pipe, whose opening waits for its reader.
fn is_pipe(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        path.metadata().is_ok_and(|meta| meta.file_type().is_fifo())
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the time until which outputs of cameras may write their last rows.
pub(crate) fn end_deadline() -> Instant {
    Instant::now() + END_TIMEOUT
}
