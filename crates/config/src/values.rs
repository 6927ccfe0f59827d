//! Values with their ranges.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use passerby_types::duration_text;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::tables::CadenceChoice;

/// The default of a switch that is on.
pub(crate) fn yes() -> bool {
    true
}

pub(crate) fn min_face<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f32>, D::Error> {
    float(from, 1.0..=4096.0)
}

pub(crate) fn share<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f32>, D::Error> {
    float(from, 0.0..=1.0)
}

pub(crate) fn detail<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f32>, D::Error> {
    float(from, 0.1..=1.0)
}

pub(crate) fn detector_side<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    integer(from, 32..=3840).map(Some)
}

pub(crate) fn workers<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    integer(from, 1..=256).map(Some)
}

pub(crate) fn age_ms<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    integer(from, 1..=60_000).map(Some)
}

pub(crate) fn rotation<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let degrees = i64::deserialize(from)?;
    let allowed = u32::try_from(degrees).ok().filter(|degrees| [0, 90, 180, 270].contains(degrees));
    allowed.ok_or_else(|| D::Error::custom(format_args!("expected 0, 90, 180 or 270, not {degrees}")))
}

/// Reads a time such as `"30d"`, or `"never"`.
pub(crate) fn keep<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let time = duration_text::or_never::deserialize(from)?;
    match time {
        Some(time) if time < Duration::from_secs(60) => {
            Err(D::Error::custom("expected at least \"1min\", or \"never\""))
        }
        time => Ok(time),
    }
}

fn integer<'de, D: Deserializer<'de>, T>(from: D, range: RangeInclusive<T>) -> Result<T, D::Error>
where
    T: Copy + Display + PartialOrd + TryFrom<i64>,
{
    let given = i64::deserialize(from)?;
    let number = T::try_from(given).ok().filter(|number| range.contains(number));
    number.ok_or_else(|| wrong(&range, given))
}

fn float<'de, D: Deserializer<'de>>(from: D, range: RangeInclusive<f32>) -> Result<Option<f32>, D::Error> {
    let given = f64::deserialize(from)?;
    let number = given as f32;
    if range.contains(&number) { Ok(Some(number)) } else { Err(wrong(&range, given)) }
}

fn wrong<E: Error>(range: &RangeInclusive<impl Display>, given: impl Display) -> E {
    E::custom(format_args!("expected a number from {} to {}, not {given}", range.start(), range.end()))
}

impl<'de> Deserialize<'de> for CadenceChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Choice;
        const EXPECTED: &str = "\"auto\" or a number from 1 to 100";
        impl Visitor<'_> for Choice {
            type Value = CadenceChoice;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<CadenceChoice, E> {
                if text == "auto" {
                    Ok(CadenceChoice::Auto)
                } else {
                    Err(E::custom(format_args!("expected {EXPECTED}")))
                }
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<CadenceChoice, E> {
                match u64::try_from(number) {
                    Ok(every @ 1..=100) => Ok(CadenceChoice::Every(every)),
                    _ => Err(E::custom(format_args!("expected {EXPECTED}, not {number}"))),
                }
            }
        }
        deserializer.deserialize_any(Choice)
    }
}
