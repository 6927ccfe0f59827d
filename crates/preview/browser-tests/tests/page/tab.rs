//! A tab of the browser that shows the page, and the actions of a viewer in it.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use headless_chrome::protocol::cdp::types::Event;
use headless_chrome::protocol::cdp::{Emulation, Page, Runtime};
use headless_chrome::{Browser, LaunchOptions};
use serde_json::Value;

use crate::site::{Site, root};

/// The longest that the page may take for anything.
const LIMIT: Duration = Duration::from_secs(90);

/// One test at a time has the machine: several browsers with four videos each would starve one another.
static MACHINE: Mutex<()> = Mutex::new(());

/// A browser with one tab that shows a page.
pub struct Tab {
    pub site: Site,
    tab: Arc<headless_chrome::Tab>,
    messages: Arc<Mutex<Vec<String>>>,
    _browser: Browser,
    _profile: tempfile::TempDir,
    _machine: MutexGuard<'static, ()>,
}

impl Tab {
    /// Starts a server with the bundled clip as four cameras and a browser, and opens the page. Returns `None`, and prints why, if
    /// there is no browser.
    pub fn open() -> Option<Self> {
        let clip = root().join("assets/passersby.mp4").display().to_string();
        Self::open_with(&vec![clip; 4])
    }

    /// Works as [`Tab::open`], with these cameras.
    pub fn open_with(inputs: &[String]) -> Option<Self> {
        let Some(browser) = chromium() else {
            eprintln!("skipped: there is no chromium in PATH");
            return None;
        };
        let machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
        let site = Site::start(inputs);
        let profile = tempfile::tempdir().unwrap();
        let options = LaunchOptions {
            path: Some(browser),
            sandbox: false,
            user_data_dir: Some(profile.path().to_owned()),
            idle_browser_timeout: LIMIT * 10,
            window_size: Some((1440, 900)),
            args: vec![OsStr::new("--disable-gpu"), OsStr::new("--no-first-run")],
            ..LaunchOptions::default()
        };
        let browser = Browser::new(options).expect("the browser starts");
        let tab = browser.new_tab().unwrap();
        tab.set_default_timeout(LIMIT);
        let messages = Arc::new(Mutex::new(Vec::new()));
        let heard = messages.clone();
        tab.enable_log().unwrap().enable_runtime().unwrap();
        tab.add_event_listener(Arc::new(move |event: &Event| {
            let text = match event {
                Event::LogEntryAdded(entry) => {
                    format!("{} {:?}", entry.params.entry.text, entry.params.entry.url)
                }
                Event::RuntimeExceptionThrown(thrown) => format!("{:?}", thrown.params.exception_details),
                Event::RuntimeConsoleAPICalled(call) => format!("{:?}", call.params.args),
                _ => return,
            };
            heard.lock().unwrap().push(text);
        }))
        .unwrap();
        let made = Self { site, tab, messages, _browser: browser, _profile: profile, _machine: machine };
        made.resize(1440, 900, 1.0);
        made.colours("light");
        made.tab.navigate_to(&made.site.url).unwrap();
        made.until("document.querySelectorAll('nav a').length >= 5", "the page is there");
        Some(made)
    }

    /// Goes to a view, for example `live/0`.
    pub fn go(&self, view: &str) {
        self.run(&format!("location.hash = '#/{view}'"));
        let name = view.split('/').next().unwrap();
        self.until(&format!("document.getElementById('view').className === 'view-{name}'"), view);
    }

    /// Runs a script and returns its value. A promise is awaited.
    pub fn run(&self, script: &str) -> Value {
        let answer = self
            .tab
            .call_method(Runtime::Evaluate {
                expression: script.to_owned(),
                return_by_value: Some(true),
                await_promise: Some(true),
                user_gesture: Some(true),
                generate_preview: None,
                silent: None,
                include_command_line_api: None,
                object_group: None,
                context_id: None,
                throw_on_side_effect: None,
                timeout: None,
                disable_breaks: None,
                repl_mode: None,
                allow_unsafe_eval_blocked_by_csp: Some(true),
                unique_context_id: None,
                serialization_options: None,
            })
            .unwrap_or_else(|error| panic!("{script}: {error}"));
        if let Some(details) = answer.exception_details {
            panic!("{script}: {details:?}");
        }
        answer.result.value.unwrap_or(Value::Null)
    }

    /// Waits until a script returns true. A failure names `what`.
    pub fn until(&self, condition: &str, what: &str) {
        let start = Instant::now();
        while self.run(&format!("(async () => Boolean(await ({condition})))()")) != Value::Bool(true) {
            if start.elapsed() > LIMIT {
                let text = self.run("document.body.innerText");
                panic!("not in time: {what}\n{condition}\n{text}\n{:?}", self.messages());
            }
            thread::sleep(Duration::from_millis(80));
        }
    }

    /// Presses a key.
    pub fn press(&self, key: &str) {
        self.tab.press_key(key).unwrap();
    }

    /// Presses a key until a script returns true.
    pub fn press_until(&self, key: &str, condition: &str, most: usize) {
        for _ in 0..most {
            self.press(key);
            if self.run(&format!("(async () => Boolean(await ({condition})))()")) == Value::Bool(true) {
                return;
            }
        }
        panic!(
            "{key} was pressed {most} times: {condition}\n{}",
            self.run("document.activeElement.outerHTML")
        );
    }

    /// Types text into the element that has the focus.
    pub fn write(&self, text: &str) {
        self.tab.send_character(text).unwrap();
    }

    /// Clicks the button or link with this text or label.
    pub fn click(&self, name: &str) {
        let find = format!(
            "[...document.querySelectorAll('dialog[open] button, dialog[open] a')].concat([...document.querySelectorAll('button, a, label')])
             .find((one) => one.checkVisibility() && (one.textContent.trim() === '{name}' || one.getAttribute('aria-label') === '{name}'))"
        );
        self.until(&find, name);
        self.run(&format!("({find}).click()"));
    }

    /// Sets the size of the window in CSS pixels.
    pub fn resize(&self, width: u32, height: u32, scale: f64) {
        self.tab
            .call_method(Emulation::SetDeviceMetricsOverride {
                width,
                height,
                device_scale_factor: scale,
                mobile: width < 500,
                scale: None,
                screen_width: None,
                screen_height: None,
                position_x: None,
                position_y: None,
                dont_set_visible_size: None,
                screen_orientation: None,
                viewport: None,
                display_feature: None,
                device_posture: None,
            })
            .unwrap();
    }

    /// Sets the system's colours: `light` or `dark`.
    pub fn colours(&self, scheme: &str) {
        let features =
            vec![Emulation::MediaFeature { name: "prefers-color-scheme".into(), value: scheme.into() }];
        self.tab.call_method(Emulation::SetEmulatedMedia { media: None, features: Some(features) }).unwrap();
    }

    /// Returns the messages of the page and of the browser in the console.
    pub fn messages(&self) -> Vec<String> {
        self.messages.lock().unwrap().clone()
    }

    /// Takes a picture, and keeps it as NAME.webp if pictures are asked for.
    pub fn screenshot(&self, name: &str) {
        let format = Page::CaptureScreenshotFormatOption::Webp;
        let picture = self.tab.capture_screenshot(format, Some(72), None, true).unwrap();
        assert!(picture.len() > 2000, "{name}: {} bytes", picture.len());
        if let Some(folder) = std::env::var_os("PASSERBY_SCREENSHOTS") {
            let folder = root().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(format!("{name}.webp")), picture).unwrap();
        }
    }
}

/// Returns the browser, or `None` if there is none.
fn chromium() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join("chromium")).find(|path| path.is_file())
}
