"""One run of the program under faults of cameras, database, disk and clock."""
import statistics
import time

from database import is_sound, stored_frames
from faults import all_faults
from program import START_TIMEOUT, Program

# The longest wait for a recovery. What takes longer than the rule allows is broken, but its time is of interest.
PATIENCE = 30
# The time between the recovery from a fault and the next one. Short runs have less, so that each fault comes once.
LONGEST_CALM = 20


class Watch:
    """Looks at the program once a second."""

    def __init__(self, program, rules):
        self.program, self.rules, self.begun = program, rules, time.monotonic()
        self.memory, self.threads, self.descriptors = [], [], []

    def look(self, is_calm):
        figures = self.program.figures()
        if not self.rules.check(figures is not None, "the program does not answer"):
            return
        at = time.monotonic() - self.begun
        self.rules.ledger(figures, f"after {at:.0f} s")
        self.memory.append((at, self.program.memory()[0]))
        if is_calm:
            self.threads.append(self.program.threads())
            self.descriptors.append(self.program.descriptors())

    def calm(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.program.has_ended():
            time.sleep(1)
            # Connections of the last fault need a moment to end.
            self.look(until - time.monotonic() < seconds / 2)


def long_run(path, folder, database, inputs, cameras, disk, clock, seconds, rules):
    """Prints a row for each kind of fault, and what the program used. Returns the peak of its address space in MiB."""
    program = Program(path, folder, database, inputs, clock.variables() if clock else None)
    try:
        names = [name for name, _ in inputs]
        numbers = {name: str(number) for number, name in enumerate(names)}
        plays = lambda figures: all(figures.captured(number) > 0 for number in numbers.values()) and figures.observations("written") > 0
        if not rules.check(program.wait_until(plays, START_TIMEOUT) is not None, f"the program does not play: {program.text()}"):
            return program.memory()[1] if not program.has_ended() else 0
        faults = all_faults(program, cameras, disk, database, clock)
        watch = Watch(program, rules)
        calm = min(LONGEST_CALM, max(3, seconds / len(faults) - 10))
        watch.calm(calm)
        times = {fault.name: [] for fault in faults}
        while time.monotonic() - watch.begun < seconds and not program.has_ended():
            for fault in faults:
                times[fault.name].append(suffer(program, fault, numbers, rules))
                watch.calm(calm)
                if time.monotonic() - watch.begun >= seconds and all(times.values()):
                    break
        return finish(program, watch, times, names, database, rules)
    finally:
        program.kill()


def suffer(program, fault, numbers, rules):
    """Lets a fault happen. Returns the seconds from its end to the recovery, and the failures of the database."""
    failures = sink_failures(program)
    fault.begin()
    fault.hold()
    fault.end()
    # What rose after the end has recovered. The figures of this moment are those of the fault.
    figures = program.figures()
    if not rules.check(figures is not None, f"{fault.name}: the program does not answer"):
        return None, 0
    before = fault.progress(figures, numbers)
    has_recovered = lambda now: all(new > old for new, old in zip(fault.progress(now, numbers), before))
    took = program.wait_until(has_recovered, PATIENCE)
    rules.recovery(took, fault.name)
    return took, sink_failures(program) - failures


def sink_failures(program):
    figures = program.figures()
    return figures.sink_failures() if figures else 0


def finish(program, watch, times, names, database, rules):
    """Ends the program, and prints the tables."""
    memory, peak = program.memory() if not program.has_ended() else (0, 0)
    figures = program.figures()
    status = program.stop()
    rules.check(status is not None, f"the program did not end: {program.text()}")
    summary = program.summary()
    rules.summary(summary, names, "at the end")
    frames = {name: count for (run, _), (name, count) in stored_frames(database).items() if run == 1}
    rules.stored(summary, frames, "at the end")
    rules.check(is_sound(database), "the database is not sound")

    print("| fault | times | recovery, s: median | longest | failures of the database |\n|---|---|---|---|---|")
    for name, suffered in times.items():
        took = [seconds if seconds is not None else float(PATIENCE) for seconds, _ in suffered]
        failures = sum(failed for _, failed in suffered)
        if took:
            print(f"| {name} | {len(took)} | {statistics.median(took):.2f} | {max(took):.2f} | {failures:.0f} |")
    print("\n| camera | captured | analysed | coasted | dropped | stored | counted as not stored |\n|---|---|---|---|---|---|---|")
    for name, (captured, analysed, coasted, dropped, lost) in summary.items():
        print(f"| {name} | {captured} | {analysed} | {coasted} | {dropped} | {frames.get(name, 0)} | {lost} |")
    interruptions = sum(figures.get("passerby_interruptions_total", camera=camera) for camera in figures.cameras()) if figures else 0
    print(f"\ninterruptions {interruptions:.0f}; exit status {status}")
    resources(watch, memory, rules)
    return peak


def resources(watch, memory, rules):
    print("\n| | at first | at the end | most |\n|---|---|---|---|")
    mib = [mib for _, mib in watch.memory] or [memory]
    print(f"| memory, MiB | {statistics.median(mib[:10]):.0f} | {statistics.median(mib[-10:]):.0f} | {max(mib):.0f} |")
    for what, counts in [("threads", watch.threads), ("descriptors", watch.descriptors)]:
        if counts:
            first, last = statistics.median(counts[:5]), statistics.median(counts[-5:])
            print(f"| {what} | {first:.0f} | {last:.0f} | {max(counts)} |")
            rules.growth(first, last, what)
    factor = rules.memory(watch.memory)
    judged = "not judged, since the run is shorter than eleven minutes" if factor is None else f"{factor:.3f} times that after ten minutes"
    steps = [mib[min(len(mib) - 1, len(mib) * part // 8)] for part in range(9)]
    print(f"\nmemory: {judged}; at each eighth of the run, MiB: {', '.join(f'{step:.0f}' for step in steps)}", flush=True)
