//! The live page in Debian's Chromium, against the example `live_page`.
//!
//! `PASSERBY_PAGE` names a page that runs already, for example `http://127.0.0.1:8900/`. With `PASSERBY_SCREENSHOTS=docs/images` the
//! pictures of the documents are written. Without a Chromium each test prints why it is skipped.

mod accessibility;
mod clip;
mod live;
mod persons;
mod site;
mod tab;
mod views;
