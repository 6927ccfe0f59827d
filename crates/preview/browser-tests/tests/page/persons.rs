//! The view "Persons": names, merges, undo, and search by a picture.

use crate::site::root;
use crate::tab::Tab;

/// Opens the list and waits for two persons.
fn list() -> Option<Tab> {
    Tab::open().map(two_persons)
}

/// Shows the list and waits for two persons.
fn two_persons(tab: Tab) -> Tab {
    tab.go("persons");
    tab.until("document.querySelectorAll('.card').length >= 2", "two persons are known");
    tab
}

#[test]
fn a_person_is_named_and_the_name_is_taken_back() {
    let Some(tab) = list() else { return };
    let person = tab.run("Number([...document.querySelectorAll('.card')].find((one) => one.textContent.includes('Person ')).dataset.person)");
    tab.go(&format!("persons/{person}"));
    tab.until("document.querySelector('.name-field')", "the field for the name is there");
    tab.run("document.querySelector('.name-field').focus()");
    tab.write("Zoë <b>Quick</b>");
    tab.press("Enter");
    tab.until("[...document.querySelectorAll('.lines strong')].some((one) => one.textContent.includes('was named Zoë <b>Quick</b>'))", "the journal has the name, as text");
    tab.go("persons");
    tab.until("[...document.querySelectorAll('.card-title')].some((one) => one.textContent.startsWith('Zoë <b>Quick</b>'))", "the card has the name");
    tab.click("Undo");
    tab.until(
        "![...document.querySelectorAll('.card-title')].some((one) => one.textContent.startsWith('Zoë'))",
        "the name is taken back",
    );
}

#[test]
fn two_persons_of_one_picture_are_not_merged() {
    let Some(tab) = list() else { return };
    tab.run("[...document.querySelectorAll('.card .check')].slice(-2).forEach((one) => one.click())");
    tab.click("Merge");
    tab.until(
        "document.querySelector('dialog[open]')?.textContent.includes('Who stays?')",
        "the page asks who stays",
    );
    tab.run("[...document.querySelectorAll('dialog[open] button')].find((one) => one.textContent === 'Merge').click()");
    tab.until(
        "document.querySelector('dialog[open]')?.textContent.includes('two faces of one frame')",
        "the page says why not",
    );
}

#[test]
fn two_persons_are_merged_and_the_merge_is_undone() {
    // A person each, who are never in one picture.
    let portrait = |name| root().join("crates/capture/portraits").join(name).display().to_string();
    let Some(tab) = Tab::open_with(&["obama.jpg", "biden.jpg"].map(portrait)).map(two_persons) else {
        return;
    };
    let total = "fetch('api/persons?limit=1').then((answer) => answer.json()).then((answer) => answer.total)";
    let before = tab.run(total).as_u64().unwrap();
    let two = tab.run(
        "(() => { const boxes = [...document.querySelectorAll('.card .check')].slice(-2); boxes.forEach((one) => one.click());
                  return boxes.map((one) => Number(one.closest('.card').dataset.person)); })()",
    );
    tab.click("Merge");
    tab.until(
        "document.querySelector('dialog[open]')?.textContent.includes('Who stays?')",
        "the page asks who stays",
    );
    tab.run("[...document.querySelectorAll('dialog[open] button')].find((one) => one.textContent === 'Merge').click()");
    tab.until("!document.querySelector('dialog[open]')", "the merge is done");
    tab.until(&format!("{total}.then((now) => now < {before})"), "one person less");
    let gone = format!(
        "{two}.filter((person) => !document.querySelector(`.card[data-person=\"${{person}}\"]`)).length === 1"
    );
    tab.until(&gone, "one card is gone");
    tab.click("Undo");
    tab.until(
        &format!("{two}.every((person) => document.querySelector(`.card[data-person=\"${{person}}\"]`))"),
        "both are there again",
    );
}

#[test]
fn forgetting_says_what_is_lost_before_it_happens() {
    let Some(tab) = list() else { return };
    let person = tab.run("Number([...document.querySelectorAll('.card')].at(-1).dataset.person)");
    tab.go(&format!("persons/{person}"));
    tab.until("document.querySelector('.danger-zone button')", "the person is shown");
    tab.run("document.querySelector('.danger-zone button').click()");
    tab.until(
        "document.querySelector('dialog[open]')?.textContent.includes('cannot be undone')",
        "the page asks first",
    );
    tab.press("Escape");
    tab.until("!document.querySelector('dialog')", "Escape keeps the person");
    tab.until("document.querySelector('.danger-zone button')", "the person is there still");
}

#[test]
fn a_picture_finds_a_person_and_other_files_are_refused() {
    let Some(tab) = list() else { return };
    tab.go("persons/search");
    let choose = |name: &str, source: &str| {
        tab.run(&format!(
            "(async () => {{ const list = new DataTransfer(); list.items.add(new File([{source}], '{name}'));
               const field = document.querySelector('.file-field'); field.files = list.files; field.dispatchEvent(new Event('change')); }})()"
        ));
    };
    choose("face.txt", "'not a picture'");
    tab.until("document.querySelector('.empty.error')", "a text is refused");
    let portrait = std::fs::read(crate::site::root().join("crates/capture/portraits/obama.jpg")).unwrap();
    choose("face.jpg", &format!("new Uint8Array({portrait:?})"));
    tab.until("document.querySelectorAll('.matches .card').length >= 1", "there are matches");
    tab.screenshot("search-by-picture");
}
