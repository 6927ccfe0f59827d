#!/usr/bin/env python3
"""Builds all examples, runs those that need no camera, and fails if one fails, hangs or prints nothing.

  scripts/run_examples.py [--no-build]

The build has the features of `cargo test`, so after it only the examples themselves are compiled.
"""
import os, socket, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
# The longest that an example may run, in seconds. CI machines have two busy cores and no release build here.
TIMEOUT = 600


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


# Examples that cannot run here, with the reason.
SKIPPED = {"live_page": "it runs until it is stopped", "rtsp_camera": "it needs a network camera"}
# Arguments that an example needs, or that keep it away from a camera or a port that may be in use.
ARGUMENTS = {
    "webcam_boxes": [str(ROOT / "assets/passersby.mp4"), "5"],
    "write_graph": [str(ROOT / "crates/inference/tests/data/conv.onnx"), "conv.graph", "3x32x32"],
    "prometheus": [f"127.0.0.1:{free_port()}"],
}
# Features that an example needs beside the default ones.
FEATURES = {"prometheus": "passerby/prometheus"}


def main():
    names = sorted(path.stem for folder in [ROOT / "examples", *ROOT.glob("crates/*/examples")] for path in folder.glob("*.rs"))
    unknown = (SKIPPED.keys() | ARGUMENTS.keys() | FEATURES.keys()) - set(names)
    if unknown:
        sys.exit(f"{__file__}: no example is named {', '.join(sorted(unknown))}")
    if "--no-build" not in sys.argv:
        build = ["cargo", "build", "--quiet"]
        subprocess.run([*build, "--examples"], cwd=ROOT, check=True)
        for name, feature in FEATURES.items():
            subprocess.run([*build, "--example", name, "--features", feature], cwd=ROOT, check=True)
    failed = [name for name in names if not passes(name)]
    if failed:
        sys.exit(f"{len(failed)} of {len(names)} examples failed: {', '.join(failed)}")


def passes(name):
    if name in SKIPPED:
        print(f"{name}: skipped: {SKIPPED[name]}")
        return True
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        # An example may write files: into this folder, which is removed.
        environment = os.environ | {"TMPDIR": folder}
        command = [TARGET / "debug/examples" / name, *ARGUMENTS.get(name, [])]
        try:
            run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=TIMEOUT)
            problem = f"exit code {run.returncode}" if run.returncode else "" if run.stdout.strip() else "it printed nothing"
            output = run.stdout + run.stderr
        except (OSError, subprocess.TimeoutExpired) as error:
            problem, output = str(error), b""
    print(f"{name}: {problem or 'ok'} ({time.monotonic() - start:.0f} s)", flush=True)
    if problem:
        print(output.decode(errors="replace")[-4000:])
    return not problem


main()
