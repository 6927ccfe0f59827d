//! What happens to the cameras' connections, for whoever looks on.

use std::sync::{Arc, Mutex, PoisonError};

use passerby::capture::{Event, Watch};

/// Lines that nobody has seen yet. Beyond so many of them, later ones are not kept.
const KEPT: usize = 100;

/// What has happened and was not said yet.
#[derive(Clone, Default)]
pub(crate) struct News(Arc<Mutex<Vec<String>>>);

impl News {
    /// Who is told of the connections.
    pub(crate) fn watch(&self) -> Watch {
        let news = self.clone();
        Arc::new(move |camera, event| {
            let line = match event {
                // The first failure of an interruption; the tries that follow are like it.
                Event::Failed(error, 0 | 1, _) => error.to_string(),
                Event::Recovered(after) => format!("{camera}: pictures after {after:.1?}"),
                _ => return,
            };
            let mut lines = news.0.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() < KEPT {
                lines.push(line);
            }
        })
    }

    /// What was not said yet.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
