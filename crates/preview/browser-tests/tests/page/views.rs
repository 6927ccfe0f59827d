//! All views: messages, sizes, colours, the keyboard, and the pictures of the documents.

use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::tab::Tab;

pub const VIEWS: [&str; 9] = [
    "live",
    "live/0",
    "persons",
    "persons/review",
    "persons/search",
    "persons/journal",
    "events",
    "figures",
    "report",
];

#[test]
fn no_view_writes_a_message_to_the_console() {
    let Some(tab) = Tab::open() else { return };
    for view in VIEWS {
        tab.go(view);
        tab.until(
            "!document.querySelector('#view [aria-busy=true]') && document.querySelector('#view h1')",
            view,
        );
        sleep(Duration::from_millis(500));
    }
    assert_eq!(tab.messages(), Vec::<String>::new());
    // A page with an error, so that this test would see one.
    tab.run("setTimeout(() => { throw new Error('seen') }, 0)");
    sleep(Duration::from_millis(500));
    assert!(tab.messages().iter().any(|one| one.contains("seen")), "{:?}", tab.messages());
}

#[test]
fn counters_rise() {
    let Some(tab) = Tab::open() else { return };
    tab.go("figures");
    let captured = "Number([...document.querySelectorAll('.figure')].find((one) => one.textContent.startsWith('Dropped')).querySelector('small').textContent.split(' of ')[1].replaceAll(',', ''))";
    tab.until("document.querySelectorAll('.figure').length >= 6", "the figures are there");
    tab.until(&format!("{captured} > 0"), "frames are counted");
    let before = tab.run(captured).as_f64().unwrap();
    tab.until(&format!("{captured} > {before}"), "more frames are counted");
    tab.until("document.querySelectorAll('.chart canvas').length === 4", "four charts are drawn");
}

#[test]
fn no_view_scrolls_sideways_on_a_phone() {
    let Some(tab) = Tab::open() else { return };
    tab.resize(360, 740, 2.0);
    for view in VIEWS {
        tab.go(view);
        tab.until(
            "!document.querySelector('#view [aria-busy=true]') && document.querySelector('#view h1')",
            view,
        );
        sleep(Duration::from_millis(400));
        assert_eq!(tab.run("document.documentElement.scrollWidth"), Value::from(360), "{view}");
        // Nothing to press is too small or outside.
        let outside = tab.run(
            "[...document.querySelectorAll('button, a, input, select')].filter((one) => one.checkVisibility() && !one.closest('.scroll, .strip, .tabs, .file-field') && !one.matches('.skip, .file-field'))
               .filter((one) => { const at = one.getBoundingClientRect(); return at.left < -1 || at.right > 361; }).map((one) => one.outerHTML)",
        );
        assert_eq!(outside, Value::Array(Vec::new()), "{view}");
    }
}

#[test]
fn colours_follow_the_system_and_the_switch() {
    let Some(tab) = Tab::open() else { return };
    let paper = "getComputedStyle(document.body).backgroundColor";
    let light = tab.run(paper);
    tab.colours("dark");
    tab.until(&format!("{paper} !== {light}"), "the page is dark");
    let dark = tab.run(paper);
    tab.click("Light colours");
    tab.until(&format!("{paper} === {light}"), "the page is light");
    tab.run("location.reload()");
    tab.until(&format!("document.querySelector('nav a') && {paper} === {light}"), "the choice is remembered");
    tab.click("Colours of the system");
    tab.until(&format!("{paper} === {dark}"), "the page follows the system again");
}

#[test]
fn the_keyboard_alone_is_enough() {
    let Some(tab) = Tab::open() else { return };
    tab.until("document.querySelectorAll('.tile').length >= 2", "the cameras are there");
    tab.press("Tab");
    tab.until(
        "document.activeElement.textContent === 'Skip to the content'",
        "the first stop skips the navigation",
    );
    tab.press_until("Tab", "document.activeElement.matches('nav a[href=\"#/persons\"]')", 12);
    tab.press("Enter");
    tab.until("document.getElementById('view').className === 'view-persons'", "Enter opens a view");
    tab.until("document.querySelectorAll('.card').length >= 1", "the persons are there");
    tab.press_until("Tab", "document.activeElement.matches('.card .check')", 40);
    tab.press(" ");
    tab.until("document.querySelector('.selection:not([hidden])')", "the space bar selects a person");

    tab.go("live");
    tab.press_until("Tab", "document.activeElement.textContent === 'Layers'", 40);
    tab.press("Enter");
    tab.until("document.activeElement.dataset.layer === 'boxes'", "the first switch has the focus");
    tab.press(" ");
    tab.until("!document.activeElement.checked", "the space bar switches");
    tab.press(" ");
    tab.press("Escape");
    tab.until(
        "document.activeElement.textContent === 'Layers' && document.querySelector('.popover').hidden",
        "Escape gives the focus back",
    );
    tab.press_until("Tab", "document.activeElement.matches('a.tile-name')", 40);
    let first = tab.run("document.activeElement.textContent");
    tab.press("ArrowRight");
    tab.until(
        &format!(
            "document.activeElement.matches('a.tile-name') && document.activeElement.textContent !== {first}"
        ),
        "an arrow goes to the next camera",
    );
    tab.press("Enter");
    tab.until("document.querySelector('.tile.large')", "Enter shows it large");
    let shown = tab.run("document.querySelector('h1').textContent");
    tab.press("ArrowRight");
    tab.until(
        &format!("document.querySelector('h1').textContent !== {shown}"),
        "an arrow shows the next one",
    );
    tab.press("Escape");
    tab.until("document.querySelectorAll('.tile:not(.large)').length >= 2", "Escape goes back to all");
    // The focus can always be seen.
    tab.press("Tab");
    let outline = tab.run("getComputedStyle(document.activeElement).outlineStyle");
    assert_ne!(outline, Value::from("none"));
}

#[test]
fn pictures_for_the_documents() {
    if std::env::var_os("PASSERBY_SCREENSHOTS").is_none() {
        eprintln!("skipped: PASSERBY_SCREENSHOTS names no folder");
        return;
    }
    let Some(tab) = Tab::open() else { return };
    tab.resize(1280, 800, 1.0);
    let faces = "[...document.querySelectorAll('.tile canvas')].reduce((sum, one) => sum + Number(one.dataset.faces ?? 0), 0)";
    tab.colours("dark");
    tab.until(&format!("{faces} >= 4"), "people are in the pictures");
    tab.screenshot("live");
    tab.colours("light");
    tab.go("live/0");
    tab.until(&format!("{faces} >= 2"), "two people are in the picture");
    tab.screenshot("camera");
    tab.go("persons");
    tab.until("document.querySelectorAll('.card').length >= 1", "persons");
    sleep(Duration::from_millis(600));
    tab.screenshot("persons");
    tab.go("figures");
    tab.until("document.querySelectorAll('.chart canvas').length === 4", "charts");
    sleep(Duration::from_secs(20));
    tab.screenshot("figures");
    tab.go("events");
    tab.until("document.querySelectorAll('.events li').length >= 1", "events");
    tab.screenshot("events");
    tab.go("report");
    tab.until("document.querySelector('.tiles:not(.skeleton) .figure, .empty')", "the report");
    sleep(Duration::from_millis(600));
    tab.screenshot("report");
    tab.resize(360, 740, 2.0);
    tab.colours("dark");
    tab.go("live");
    tab.until(&format!("{faces} >= 1"), "people");
    tab.screenshot("phone");
}
