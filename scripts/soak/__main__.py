"""Runs `passerby serve` under faults, and prints a table. scripts/soak.sh starts it: soak HOURS PROGRAM."""
import shutil
import sys
import tempfile
import time
from pathlib import Path

from cameras import start_cameras
from clock import Clock, find_library
from disk import make_disk
from restarts import kill_rounds, memory_pressure
from long_run import long_run
from rules import Rules

SCENE = "scene:people=2,size=480x270,fps=8,frames=960,live=8,loop"
# The database grows by less than this in an hour.
MEBIBYTES_AN_HOUR = 400


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    seconds = float(sys.argv[1]) * 3600
    program = str(Path(sys.argv[2]).resolve())
    folder = Path(tempfile.mkdtemp(prefix="passerby-soak-"))
    rules = Rules()
    disk, cameras = None, []
    try:
        disk = make_disk(folder / "disk", int(64 + MEBIBYTES_AN_HOUR * seconds / 3600))
        cameras = start_cameras()
        clock = Clock(folder) if find_library() else None
        skipped = [] if cameras else ["faults of cameras (GStreamer's RTSP server is not installed)"]
        skipped += [] if clock else ["clock jumps (faketime is not installed)"]
        print(f"soak of {seconds:.0f} s; the full disk is {disk.what}; skipped: {', '.join(skipped) or 'nothing'}\n", flush=True)
        begun = time.monotonic()
        inputs = [(camera.name, camera.address()) for camera in cameras] + [("scene", SCENE)]
        database = disk.folder / "soak.sqlite"
        peak = long_run(program, folder, database, inputs, cameras, disk, clock, seconds * 0.75, rules)
        kill_rounds(program, folder, database, inputs, seconds * 0.15, rules)
        memory_pressure(program, folder, database, inputs, peak, seconds * 0.1, rules)
        print(f"\n{time.monotonic() - begun:.0f} s in all")
    finally:
        for camera in cameras:
            camera.kill()
        if disk:
            disk.close()
        shutil.rmtree(folder, ignore_errors=True)
    for line in rules.broken:
        print(f"BROKEN: {line}")
    print("every rule held" if not rules.broken else f"{len(rules.broken)} times a rule was broken")
    sys.exit(1 if rules.broken else 0)


main()
