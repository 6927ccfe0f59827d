#!/usr/bin/env python3
"""Checks the documents: runs their shell blocks, and looks up the names in cargo commands and the targets of links.

  scripts/check_documents.py [--names] [DOCUMENT...]

Runs every block that begins with ```sh in README.md, docs/ and the READMEs of the crates. The blocks of a document run one after
another in one folder, which has links to the repository's files and the videos and photos that the documents speak of. A block
whose first line gives a reason, such as ```sh (needs a camera), is not run. A block that begins with ```sql runs on the file
door.sqlite that an earlier block of the document has made, and must find a row. Packages, examples, benches, tests and features that a cargo command names, in a block
or in the text of any document, must exist, and so must the files and headings that links name. With --names nothing runs.

A `cargo` in a block builds in the repository's target folder. Commands that .ci/run runs as a step of its own (`cargo test`, and
the examples by scripts/run_examples.py) are not run again, and benches never are.
"""
import json, os, re, shlex, sqlite3, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
# The longest that a block may run, in seconds. The first one compiles the program.
TIMEOUT = 900

# Stands for `cargo` in a block: the same command on the repository's workspace, in the block's folder.
SHELL = r"""
set -euo pipefail
cargo() {
    case "$*" in
    "test"*) echo "not run: cargo $*: a step of .ci/run" ;;
    *"--example "*) echo "not run: cargo $*: scripts/run_examples.py runs it" ;;
    "bench "*) echo "not run: cargo $*: it takes minutes" ;;
    "install --locked --path "*) command cargo install --quiet --locked --path "$ROOT/$4" --target-dir "$TARGET" --root "$PWD/.installed" ;;
    *) command cargo "$1" --manifest-path "$ROOT/Cargo.toml" --target-dir "$TARGET" "${@:2}" ;;
    esac
}
PATH="$PWD/.installed/bin:$TARGET/release:$PATH"
"""


def main():
    arguments = sys.argv[1:]
    names_only = "--names" in arguments
    chosen = [Path(a).resolve() for a in arguments if not a.startswith("--")]
    everything = [ROOT / name for name in tracked("*.md")]
    run = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("crates/*/README.md"))]
    known = Known()
    faults = [fault for path in chosen or everything for fault in [*known.faults(path), *broken_links(path)]]
    for fault in faults:
        print(fault)
    if not names_only:
        faults += [fault for path in chosen or run for fault in run_blocks(path)]
    if faults:
        sys.exit(f"{len(faults)} faults in the documents")


def tracked(pattern):
    listed = subprocess.run(["git", "ls-files", pattern], cwd=ROOT, capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


class Known:
    """The packages of the workspace, their features and their targets."""

    def __init__(self):
        command = ["cargo", "metadata", "--no-deps", "--format-version", "1", "--offline"]
        metadata = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
        self.packages = {package["name"]: package for package in metadata["packages"]}

    def faults(self, path):
        if path.name == "CHANGELOG.md":
            return  # It names commands of older versions.
        for number, command in commands(path.read_text()):
            for what in self.wrong(command):
                yield f"{path.relative_to(ROOT)}:{number}: `{command}`: {what}"

    def wrong(self, command):
        words = shlex.split(command, comments=True)
        words = words[words.index("cargo") + 1 :]
        if words[:1] in (["add"], ["install"]) or "--manifest-path" in words or "fuzz" in words[:2]:
            return
        words = words[: words.index("--")] if "--" in words else words
        named = [value for option, value in options(words) if option in ("-p", "--package")]
        for name in named:
            if name not in self.packages:
                yield f"there is no package {name}"
        packages = [self.packages[name] for name in named if name in self.packages] or list(self.packages.values())
        for option, value in options(words):
            if option in ("--example", "--bench", "--test", "--bin"):
                kind = option[2:]
                targets = {t["name"] for package in packages for t in package["targets"] if kind in t["kind"]}
                if value not in targets and not re.fullmatch("[A-Z]+", value):
                    yield f"there is no {kind} {value}"
            if option == "--features":
                for feature in value.split(","):
                    owner, _, name = feature.rpartition("/")
                    owners = [self.packages[owner]] if owner in self.packages else packages
                    if not any(name in package["features"] for package in owners):
                        yield f"there is no feature {feature}"


def broken_links(path):
    """Returns the links of a document to files or headings of the repository that do not exist."""
    for link in re.finditer(r"\]\(([^)#\s:]*)(?:#([^)\s]*))?\)", path.read_text()):
        target = path.parent / link[1] if link[1] else path
        if not target.exists():
            yield f"{path.relative_to(ROOT)}: no file {link[1]}"
        elif link[2] and target.suffix == ".md" and link[2] not in anchors(target.read_text()):
            yield f"{path.relative_to(ROOT)}: no heading #{link[2]} in {target.name}"


def anchors(text):
    """Returns the anchors of a document's headings, as the usual forges make them."""
    headings = re.findall(r"^#+ (.*)$", text, flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def options(words):
    """Returns each option with the word after it."""
    for word, value in zip(words, words[1:] + [""]):
        if word.startswith("-"):
            option, equals, same = word.partition("=")
            yield option, same if equals else value


def commands(text):
    """Returns the cargo commands of a document with their lines: those of its shell blocks, and those between backticks."""
    language, continued = None, ""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        fence = re.match(r"\s*```(.*)", line)
        if fence:
            language = None if language is not None else fence[1].split(" ")[0] or "text"
        elif language == "sh":
            continued += line.rstrip("\\") if line.endswith("\\") else line
            if not line.endswith("\\"):
                if re.match(r"\s*([A-Z_]+=\S+\s+)*cargo ", continued):
                    yield number, continued.strip()
                continued = ""
    plain = re.sub(r"^\s*```.*?^\s*```", lambda block: "\n" * block[0].count("\n"), text, flags=re.M | re.S)
    for quoted in re.finditer(r"`([^`]*\bcargo [^`]*)`", plain):
        if re.match(r"([A-Z_]+=\S+\s+)*cargo ", quoted[1].strip()):
            yield plain.count("\n", 0, quoted.start()) + 1, " ".join(quoted[1].split())


def blocks(text):
    """Returns the shell and SQL blocks of a document: the line, the language, the reason not to run it, and the block."""
    for block in re.finditer(r"^```(sh|sql)(?: \(([^)\n]*)\))?\n(.*?)^```$", text, flags=re.M | re.S):
        yield text.count("\n", 0, block.start()) + 1, block[1], block[2], block[3]


def run_blocks(path):
    with tempfile.TemporaryDirectory() as folder:
        furnish(Path(folder))
        for line, language, reason, block in blocks(path.read_text()):
            place = f"{path.relative_to(ROOT)}:{line}"
            if reason:
                print(f"{place}: not run: {reason}")
                continue
            start = time.monotonic()
            problem, output = (run_shell if language == "sh" else run_sql)(block, folder)
            print(f"{place}: {problem or 'ok'} ({time.monotonic() - start:.0f} s)", flush=True)
            if problem:
                print(block + "\n" + output[-4000:])
                yield place


def run_shell(block, folder):
    """Returns the problem, or an empty text, and the output."""
    environment = os.environ | {"ROOT": str(ROOT), "TARGET": str(TARGET), "TERM": "dumb"}
    options = dict(cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT)
    try:
        run = subprocess.run(["bash", "-c", SHELL + block], **options)
    except subprocess.TimeoutExpired:
        return f"not finished after {TIMEOUT} s", ""
    return f"exit code {run.returncode}" if run.returncode else "", run.stdout + run.stderr


def run_sql(block, folder):
    """Returns the problem, or an empty text, and the output."""
    try:
        with sqlite3.connect(f"file:{folder}/door.sqlite?mode=ro", uri=True) as database:
            rows = database.execute(block).fetchall()
    except sqlite3.Error as error:
        return str(error), ""
    return "" if rows else "no row", ""


def furnish(folder):
    """Links the repository's files, and the videos and photos of the documents, into the folder."""
    for entry in ROOT.iterdir():
        if not entry.name.startswith(".") and entry.name != "target":
            (folder / entry.name).symlink_to(entry)
    portraits = ROOT / "crates/capture/portraits"
    for name, target in {"door.mp4": "assets/passersby.mp4", "hall.mp4": "assets/passersby.mp4"}.items():
        (folder / name).symlink_to(ROOT / target)
    for name in ["photos", "recordings"]:
        (folder / name).mkdir()
    for name in ["biden.jpg", "obama.jpg"]:
        (folder / "photos" / name).symlink_to(portraits / name)
    (folder / "recordings/door.mp4").symlink_to(ROOT / "assets/passersby.mp4")


main()
