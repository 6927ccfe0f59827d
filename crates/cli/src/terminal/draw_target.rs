//! The terminal on which progress is drawn: standard error, through the queue of the messages.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};

use console::Term;
use indicatif::{ProgressDrawTarget, TermLike};

use super::stderr_queue;

/// Returns standard error as a place for progress, which hides it if standard error is not a terminal.
pub(crate) fn draw_target() -> ProgressDrawTarget {
    if std::io::stderr().is_terminal() {
        ProgressDrawTarget::term_like(Box::new(QueuedTerminal {
            size: Term::stderr(),
            drawn: Mutex::default(),
        }))
    } else {
        ProgressDrawTarget::hidden()
    }
}

/// A terminal that never waits. Each flush sends the text that was drawn.
#[derive(Debug)]
struct QueuedTerminal {
    /// Knows the size only.
    size: Term,
    drawn: Mutex<String>,
}

impl QueuedTerminal {
    fn draw(&self, text: &str) -> io::Result<()> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
        Ok(())
    }

    /// Draws an escape sequence with a number. Zero means 1 to a terminal, so nothing is drawn then.
    fn draw_move(&self, n: usize, direction: char) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.draw(&format!("\x1b[{n}{direction}")) }
    }
}

impl TermLike for QueuedTerminal {
    fn width(&self) -> u16 {
        self.size.size().1
    }

    fn height(&self) -> u16 {
        self.size.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.draw_move(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.draw_move(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.draw_move(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.draw_move(n, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.draw(text)?;
        self.draw("\n")
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.draw(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.draw("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        let drawn = std::mem::take(&mut *self.drawn.lock().unwrap_or_else(PoisonError::into_inner));
        if !drawn.is_empty() {
            stderr_queue::send(drawn);
        }
        Ok(())
    }
}
