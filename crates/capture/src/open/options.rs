//! Reads the options of an input: `name=value`.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use passerby_types::SourceError;
use percent_encoding::percent_decode_str;

use crate::decoder_choice::Decoder;

/// The options of one input. A reader takes the options that it knows, one by one, and must then call
/// [`Options::finish`].
pub(super) struct Options {
    /// The input as the user named it, without credentials.
    input: String,
    /// The kind of input, for example `a file`.
    kind: &'static str,
    given: Vec<(String, Option<String>)>,
    /// The names of the options that the reader knows.
    known: Vec<&'static str>,
}

impl Options {
    /// Reads `name=value` and `name`, separated by `&` or `,`. Values are percent-decoded.
    pub(super) fn parse(input: &str, kind: &'static str, text: &str) -> Self {
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let given = text.split(['&', ',']).filter(|part| !part.is_empty());
        let given = given.map(|part| match part.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(decode(value))),
            None => (part.to_owned(), None),
        });
        Self { input: input.to_owned(), kind, given: given.collect(), known: Vec::new() }
    }

    /// Removes an option and returns its value, if it has one. Returns `None` if the option isn't there. If there are
    /// several, the last one counts.
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

    /// Removes an option and returns its value, read with `read`. `expected` describes valid values, for the error.
    pub(super) fn value<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, SourceError> {
        let Some(given) = self.take(name) else { return Ok(None) };
        let found = given.as_deref().and_then(read);
        found.map(Some).ok_or_else(|| {
            let given = given.map(|value| format!("={value}")).unwrap_or_default();
            self.malformed(format!("option {name}{given}: expected {expected}"))
        })
    }

    /// Removes an option and returns its value, which must be a number within `range`.
    #[cfg_attr(not(feature = "scene"), allow(dead_code, reason = "some features have no such option"))]
    pub(super) fn number<T: FromStr + PartialOrd + Display>(
        &mut self,
        name: &'static str,
        range: RangeInclusive<T>,
    ) -> Result<Option<T>, SourceError> {
        let expected = format!("a number from {} to {}", range.start(), range.end());
        self.value(name, &expected, |text| text.parse().ok().filter(|number| range.contains(number)))
    }

    /// Removes an option and returns its value, which must be a time: `2s`, `500ms`, or a number of seconds.
    pub(super) fn time(&mut self, name: &'static str) -> Result<Option<Duration>, SourceError> {
        self.value(name, "a time such as 500ms or 2s", parse_time)
    }

    /// Removes a switch and returns its value. It may stand alone, or with `1`, `0`, `on`, `off`, `true` or `false`.
    pub(super) fn flag(&mut self, name: &'static str) -> Result<Option<bool>, SourceError> {
        match self.take(name) {
            None => Ok(None),
            Some(None) => Ok(Some(true)),
            Some(Some(value)) => match value.as_str() {
                "1" | "on" | "true" => Ok(Some(true)),
                "0" | "off" | "false" => Ok(Some(false)),
                _ => Err(self.malformed(format!("option {name}={value}: expected on or off"))),
            },
        }
    }

    /// Removes an option and returns the value that `words` has for its word.
    pub(super) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, SourceError> {
        let expected = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(" or ");
        self.value(name, &expected, |text| words.iter().find(|(word, _)| *word == text).map(|(_, it)| *it))
    }

    /// Removes the option `decoder` and returns its value.
    pub(super) fn decoder(&mut self) -> Result<Option<Decoder>, SourceError> {
        let words = [
            ("auto", Decoder::Auto),
            ("rusty", Decoder::Rusty),
            ("openh264", Decoder::OpenH264),
            ("libav", Decoder::Libav),
        ];
        self.choice("decoder", &words)
    }

    /// Removes an option and returns its value, which must be a size in pixels, for example `1280x720`.
    #[cfg_attr(not(feature = "scene"), allow(dead_code, reason = "some features have no such option"))]
    pub(super) fn size(&mut self, name: &'static str) -> Result<Option<(u32, u32)>, SourceError> {
        self.value(name, "a size such as 1280x720", |text| {
            let (width, height) = text.split_once('x')?;
            let side = |text: &str| text.parse().ok().filter(|side| *side > 0);
            Some((side(width)?, side(height)?))
        })
    }

    /// Checks that the reader took all options.
    ///
    /// # Errors
    /// [`SourceError::Malformed`] if an option is left.
    pub(super) fn finish(self) -> Result<(), SourceError> {
        let Some((name, _)) = self.given.first() else { return Ok(()) };
        let known = if self.known.is_empty() { "none".into() } else { self.known.join(", ") };
        Err(self.malformed(format!("unknown option {name}; {} takes {known}", self.kind)))
    }

    /// Returns an error about the options.
    pub(super) fn malformed(&self, what: String) -> SourceError {
        SourceError::malformed(self.input.clone(), what)
    }
}

/// Reads a time: `2s`, `500ms`, or a number of seconds.
pub(super) fn parse_time(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1e-3),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let seconds = number.parse::<f64>().ok()? * unit;
    Duration::try_from_secs_f64(seconds).ok()
}
