#!/usr/bin/env bash
# Runs the pipeline, and the Python system that it replaces with each of its detectors, in turns, three times. Prints the ratios of
# the medians.
#
#   scripts/compare_baseline.sh [SECONDS [VIDEO]]
#
# It needs the shared folder (PASSERBY_SHARED, else ../shared) with baseline/seed_pipeline.py, models/ and data/clips, and
# a Python (PYTHON, else python3) with numpy, opencv-python-headless and onnxruntime. PREFIX goes before both commands, for
# example PREFIX="taskset -c 0,1". ROUNDS sets the number of rounds, PRECISION the precision of the embedder (int8 or float).
set -euo pipefail
cd "$(dirname "$0")/.."
shared=$(realpath "${PASSERBY_SHARED:-../shared}")
seconds=${1:-15}
video=${2:-$shared/data/clips/mosaic720.mp4}
python=${PYTHON:-python3}
seed=$shared/baseline/seed_pipeline.py
if [ ! -f "$seed" ]; then
    echo "SKIPPED: no baseline at $seed"
    exit 0
fi
bench=$(cargo bench -p passerby-benches --bench pipeline --no-run --message-format=json 2>/dev/null |
    "$python" -c 'import json, sys
for line in sys.stdin:
    made = json.loads(line)
    if made.get("executable") and made["target"]["name"] == "pipeline": print(made["executable"])')
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# name, frames a second (0: as fast as it can be), longer side of the detector's input
cases=("480 0 480" "320 0 320" "live 24 480")
for round in $(seq "${ROUNDS:-3}"); do
    for case in "${cases[@]}"; do
        read -r name live long <<<"$case"
        short=$((long * 3 / 5))
        for detector in centerface yunet; do
            ${PREFIX:-} "$python" "$seed" --models "$shared/models" --detector "$detector" --seconds "$seconds" --live "$live" \
                --long "$long" --channels 4 "$video" >"$out/$detector-$name-$round.json" 2>/dev/null
        done
        paced=()
        if [ "$live" != 0 ]; then paced=(--live "$live"); fi
        ${PREFIX:-} "$bench" --cameras 4 --seconds "$seconds" "${paced[@]}" --detector-size "${long}x$short" \
            --precision "${PRECISION:-int8}" "$video" >"$out/passerby-$name-$round.json"
        echo "round $round, $name: done" >&2
    done
done

"$python" - "$out" <<'PY'
import glob, json, os, statistics, sys
folder = sys.argv[1]
def load(who, name):
    return [json.load(open(f)) for f in sorted(glob.glob(os.path.join(folder, f"{who}-{name}-*.json")))]
def median(runs, of):
    return statistics.median(of(r) for r in runs)
# If the reader of a played file cannot decode in time, the file falls behind: frames due but not captured count as dropped.
def lost(r):
    due = max(r.get("due") or 0, r["dropped"] + r["analysed"] + r.get("coasted", 0))
    return 100 * max(0, 1 - (r["analysed"] + r.get("coasted", 0) + r.get("in_flight", 0)) / max(1, due))
fields = [("frames/s", lambda r: r["fps"]), ("not done %", lost),
          ("age p95 ms", lambda r: r["age_ms"]["p95"]), ("CPU s", lambda r: r["cpu_s"]), ("memory MiB", lambda r: r["rss_mib"])]
runs = load("passerby", "480")
print(f"passerby with YuNet, the embedder in {runs[0]['precision']}; Python (ONNX Runtime, float) with each detector; medians of {len(runs)}")
print(f"{'case':8} {'figure':11} {'CenterFace':>10} {'YuNet':>8} {'passerby':>9} {'ratios':>12}   passerby's runs")
for name, title in [("480", "480x288"), ("320", "320x192"), ("live", "4 x 24/s")]:
    contenders = [load(who, name) for who in ("centerface", "yunet", "passerby")]
    for label, of in fields:
        old, yunet, new = (median(runs, of) for runs in contenders)
        ratio = lambda x: f"{new / x:.2f}" if x else "-"
        each = " ".join(f"{of(r):.1f}" for r in contenders[-1])
        print(f"{title:8} {label:11} {old:10.1f} {yunet:8.1f} {new:9.1f} {ratio(old):>6}{ratio(yunet):>6}   {each}")
PY
