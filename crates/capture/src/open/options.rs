//! `name=value` after an input.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use passerby_types::SourceError;
use percent_encoding::percent_decode_str;

/// Options of one input, taken one by one. Whoever has taken all that he knows calls [`Options::finish`].
pub(super) struct Options {
    /// What the user named, without credentials.
    input: String,
    /// What kind of input it is, in words.
    kind: &'static str,
    given: Vec<(String, Option<String>)>,
    /// What was asked for so far.
    known: Vec<&'static str>,
}

impl Options {
    /// Reads `name=value` and `name`, one after another with `&` or `,` between them. A value is percent-decoded.
    pub(super) fn parse(input: &str, kind: &'static str, text: &str) -> Self {
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let given = text.split(['&', ',']).filter(|part| !part.is_empty());
        let given = given.map(|part| match part.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(decode(value))),
            None => (part.to_owned(), None),
        });
        Self { input: input.to_owned(), kind, given: given.collect(), known: Vec::new() }
    }

    /// The option of this name, if it was given: its value, if it has one. The last one counts.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Option<String>> {
        self.known.push(name);
        let mut last = None;
        self.given.retain_mut(|(given, value)| {
            let matches = given == name;
            if matches {
                last = Some(value.take());
            }
            !matches
        });
        last
    }

    /// The value of this name as `read` reads it; `wanted` says in words what it takes.
    pub(super) fn value<T>(
        &mut self,
        name: &'static str,
        wanted: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, SourceError> {
        let Some(given) = self.take(name) else { return Ok(None) };
        let found = given.as_deref().and_then(read);
        found.map(Some).ok_or_else(|| {
            let given = given.map(|value| format!("={value}")).unwrap_or_default();
            self.wrong(format!("option {name}{given}: expected {wanted}"))
        })
    }

    /// A number within these limits.
    pub(super) fn number<T: FromStr + PartialOrd + Display>(
        &mut self,
        name: &'static str,
        range: RangeInclusive<T>,
    ) -> Result<Option<T>, SourceError> {
        let wanted = format!("a number from {} to {}", range.start(), range.end());
        self.value(name, &wanted, |text| text.parse().ok().filter(|number| range.contains(number)))
    }

    /// A time: `2s`, `500ms`, or a number of seconds.
    pub(super) fn time(&mut self, name: &'static str) -> Result<Option<Duration>, SourceError> {
        self.value(name, "a time such as 500ms or 2s", time)
    }

    /// A switch: alone, or with `1`, `0`, `on`, `off`, `true`, `false`.
    pub(super) fn flag(&mut self, name: &'static str) -> Result<Option<bool>, SourceError> {
        match self.take(name) {
            None => Ok(None),
            Some(None) => Ok(Some(true)),
            Some(Some(value)) => match value.as_str() {
                "1" | "on" | "true" => Ok(Some(true)),
                "0" | "off" | "false" => Ok(Some(false)),
                _ => Err(self.wrong(format!("option {name}={value}: expected on or off"))),
            },
        }
    }

    /// One of these words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, SourceError> {
        let wanted = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(" or ");
        self.value(name, &wanted, |text| words.iter().find(|(word, _)| *word == text).map(|(_, it)| *it))
    }

    /// `WxH`, in pixels.
    pub(super) fn size(&mut self, name: &'static str) -> Result<Option<(u32, u32)>, SourceError> {
        self.value(name, "a size such as 1280x720", |text| {
            let (width, height) = text.split_once('x')?;
            let side = |text: &str| text.parse().ok().filter(|side| *side > 0);
            Some((side(width)?, side(height)?))
        })
    }

    /// # Errors
    /// [`SourceError::Malformed`] where an option was given that nobody took.
    pub(super) fn finish(self) -> Result<(), SourceError> {
        let Some((name, _)) = self.given.first() else { return Ok(()) };
        let known = if self.known.is_empty() { "none".into() } else { self.known.join(", ") };
        Err(self.wrong(format!("unknown option {name}; {} takes {known}", self.kind)))
    }

    /// Something is wrong with the options.
    pub(super) fn wrong(&self, what: String) -> SourceError {
        SourceError::Malformed { input: self.input.clone(), what }
    }
}

/// A time as options have it.
pub(super) fn time(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1e-3),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let seconds = number.parse::<f64>().ok()? * unit;
    Duration::try_from_secs_f64(seconds).ok()
}
