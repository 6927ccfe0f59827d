#!/usr/bin/env python3
"""Measures how the cost of a frame and the memory grow with the cameras, and with the persons in the gallery.

  scripts/measure_growth.py [--rounds N] [--seconds S] [--frames-per-second F] [--cameras 1,2,4] [--persons 0,1000] [VIDEO]

Runs the bench `pipeline` with each number of cameras, and then with each number of persons and four cameras, in turns. All cameras
together give F frames a second (48 by default), so that the machine can carry them; the detector looks at every frame. Prints
medians: the CPU time of a frame by kind of thread, without the start-up, and the memory. The default video is the bundled clip.
"""
import argparse, json, statistics, subprocess, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The kinds of threads, with the parts of a frame that each of them does.
THREADS = {
    "capture": "decode, copy",
    "detect": "detect",
    "track": "track, choose views, cut faces, identify, hand over",
    "embed": "embed",
    "classify": "age, gender",
    "store": "write",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--frames-per-second", type=float, default=48)
    parser.add_argument("--cameras", type=numbers, default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--persons", type=numbers, default=[0, 1_000, 100_000, 1_000_000])
    parser.add_argument("video", nargs="?")
    args = parser.parse_args()
    bench = build()
    cases = [(cameras, 0) for cameras in args.cameras] + [(4, persons) for persons in args.persons if persons]
    runs = {case: [] for case in cases}
    for round in range(args.rounds):
        for case in cases:
            runs[case].append(run(bench, args, *case))
            print(f"round {round + 1}: {case[0]} cameras, {case[1]} persons: done", file=sys.stderr)
    medians = {case: median(results) for case, results in runs.items()}
    print(f"{args.frames_per_second:g} frames/s over all cameras, {args.seconds:g} s, medians of {args.rounds}\n")
    table(medians, [case for case in cases if case[1] == 0], "cameras", 0)
    if 4 in args.cameras and args.persons:
        print()
        table(medians, [(4, persons) for persons in args.persons], "persons", 1)


def numbers(text):
    return [int(number) for number in text.split(",") if number]


def build():
    """Returns the path of the bench's program."""
    command = ["cargo", "bench", "-p", "passerby-benches", "--bench", "pipeline", "--no-run", "--message-format=json"]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    made = [json.loads(line) for line in lines]
    return next(m["executable"] for m in made if m.get("executable") and m["target"]["name"] == "pipeline")


def run(bench, args, cameras, persons):
    rate = args.frames_per_second / cameras
    command = [bench, "--cameras", cameras, "--live", rate, "--seconds", args.seconds, "--persons", persons]
    command += [args.video] if args.video else []
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command}: {done.stderr}")
    return json.loads(done.stdout)


def median(results):
    """Returns the medians of the figures of several runs."""
    of = lambda figure: statistics.median(figure(result) for result in results)
    return {
        "frame": of(lambda r: r["frame_ms"]),
        "start_cpu": of(lambda r: r["start_cpu_s"]),
        "start_rss": of(lambda r: r["start_rss_mib"]),
        "peak": of(lambda r: r["rss_mib"]),
        "dropped": of(lambda r: r["dropped"]),
        **{name: of(lambda r: r["threads_ms"].get(name, 0)) for name in THREADS},
    }


def table(medians, cases, what, at):
    """Prints a table with a row for each case. `at` is the place of the number that differs."""
    print(f"| {what} | CPU ms a frame | over the first | " + " | ".join(THREADS.values()) + " | other | start-up, CPU s | MiB at start, at most | dropped |")
    print("|---|" + "---|" * (len(THREADS) + 6))
    first = medians[cases[0]]["frame"]
    for case in cases:
        m = medians[case]
        parts = [m[name] for name in THREADS]
        cells = [f"{case[at]:,}", f"{m['frame']:.2f}", f"{m['frame'] / first:.2f}", *(f"{part:.2f}" for part in parts)]
        cells += [f"{m['frame'] - sum(parts):.2f}", f"{m['start_cpu']:.2f}", f"{m['start_rss']:.0f}, {m['peak']:.0f}", f"{m['dropped']:.0f}"]
        print("| " + " | ".join(cells) + " |")


main()
