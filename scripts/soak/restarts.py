"""Runs that are killed and started again, and a run with little memory beside a hostile camera."""
import statistics
import time

from cameras import HostileCamera
from database import is_sound, stored_frames, stored_observations
from program import START_TIMEOUT, Program

# How long a run lives before it is killed, by turns.
LIVES = [2.0, 5.0, 1.0, 8.0, 0.3]
# What a hostile camera may cost, with what allocators hold back (the RTSP reader has a limit of 64 MiB).
SPARE_MIB = 256


def committed(database):
    """Returns what a reader sees: frames by run and camera, and observations by run."""
    frames = {("frames", *key): count for key, (_, count) in stored_frames(database).items()}
    return {**frames, **{("observations", run): count for run, count in stored_observations(database).items()}}


def kill_rounds(path, folder, database, inputs, seconds, rules):
    """Kills the program as a power cut does, and starts it again on the same database."""
    begun, starts, took, rows = time.monotonic(), [], [], 0
    # A scene is drawn before it plays, which no camera does.
    from_outside = [number for number, (_, uri) in enumerate(inputs) if uri.startswith("rtsp:")] or range(len(inputs))
    while time.monotonic() - begun < seconds or len(took) < 3:
        program = Program(path, folder, database, inputs)
        try:
            plays = lambda figures: all(figures.captured(str(number)) > 0 for number in from_outside)
            program.wait_until(lambda _: True, START_TIMEOUT)
            starts.append(time.monotonic() - program.begun)
            recovery = program.wait_until(plays, START_TIMEOUT)
            rules.recovery(recovery, "cameras after a kill")
            took.append(START_TIMEOUT if recovery is None else recovery)
            time.sleep(LIVES[len(took) % len(LIVES)])
            before = committed(database)
        finally:
            program.kill()
        rules.kept(before, committed(database), "after a kill")
        rules.check(is_sound(database), "the database is not sound after a kill")
        rows = sum(count for key, count in before.items() if key[0] == "frames")
    print("\n| kill -9 | start of the program, s: median | longest | then the cameras, s: median | longest | frames committed before the last kill, all kept |")
    print("|---|---|---|---|---|---|")
    times = " | ".join(f"{value:.2f}" for value in [statistics.median(starts), max(starts), statistics.median(took), max(took)])
    print(f"| {len(took)} | {times} | {rows} |", flush=True)


def memory_pressure(path, folder, database, inputs, peak_mib, seconds, rules):
    """Runs with an address space (`ulimit -v`) of the former peak and a little more, beside a camera that sends without end."""
    hostile = HostileCamera()
    limit = int((peak_mib + SPARE_MIB) * (1 << 20))
    program = Program(path, folder, database, [*inputs, ("hostile", hostile.address())], address_space=limit)
    try:
        plays = lambda figures: all(figures.captured(str(number)) > 0 for number in range(len(inputs)))
        rules.check(program.wait_until(plays, START_TIMEOUT) is not None, f"the program does not play with little memory: {program.text()}")
        until = time.monotonic() + max(seconds, 5)
        most = 0
        while time.monotonic() < until and not program.has_ended():
            figures = program.figures()
            if rules.check(figures is not None, "the program does not answer with little memory"):
                rules.ledger(figures, "with little memory")
                most = max(most, program.memory()[1])
            time.sleep(1)
        figures = program.figures()
        rules.check(not program.has_ended(), f"the program ended with little memory: {program.text()[-500:]}")
        frames = sum(figures.captured(camera) for camera in figures.cameras()) if figures else 0
        rules.check(program.stop() is not None, "the program did not end with little memory")
        rules.summary(program.summary(), [name for name, _ in inputs] + ["hostile"], "with little memory")
    finally:
        program.kill()
        hostile.close()
    print("\n| little memory: address space, MiB | used at most | sent by the hostile camera, MiB | frames |\n|---|---|---|---|")
    print(f"| {limit >> 20} | {most:.0f} | {hostile.sent >> 20} | {frames:.0f} |", flush=True)
