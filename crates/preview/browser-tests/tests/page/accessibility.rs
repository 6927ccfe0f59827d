//! The rules of axe-core, on all views in both colours.

use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::tab::Tab;
use crate::views::VIEWS;

const AXE: &str = include_str!("../../vendor/axe/axe.min.js");
const CHECK: &str = "axe.run(document, { resultTypes: ['violations'] }).then((found) => found.violations.map((one) =>
    `${one.id}: ${one.nodes.map((node) => `${node.html.slice(0, 200)} ${node.failureSummary}`).join('; ')}`))";

fn check(tab: &Tab, place: &str) {
    if tab.run("typeof axe") == "undefined" {
        tab.run(AXE);
    }
    assert_eq!(tab.run(CHECK), Value::Array(Vec::new()), "{place}");
}

#[test]
fn axe_finds_no_violation() {
    let Some(tab) = Tab::open() else { return };
    // An image without a text, so that this test would see a violation.
    tab.run("document.body.append(Object.assign(new Image(), { id: 'wrong', src: 'assets/mark.svg' }))");
    tab.run(AXE);
    assert_ne!(tab.run(CHECK), Value::Array(Vec::new()));
    tab.run("document.getElementById('wrong').remove()");
    for scheme in ["light", "dark"] {
        tab.colours(scheme);
        for view in VIEWS {
            tab.go(view);
            tab.until(
                "!document.querySelector('#view [aria-busy=true]') && document.querySelector('#view h1')",
                view,
            );
            sleep(Duration::from_millis(600));
            check(&tab, &format!("{view}, {scheme}"));
        }
        tab.go("live");
        tab.click("Add camera");
        check(&tab, &format!("the dialog of a camera, {scheme}"));
        tab.press("Escape");
        tab.click("Layers");
        check(&tab, &format!("the layers, {scheme}"));
    }
}
