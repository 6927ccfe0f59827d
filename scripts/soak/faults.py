"""The faults of the long run. Each has a beginning, an end, and the figures that must rise again after its end."""
import time

from database import Lock


def captured(*names):
    return lambda figures, numbers: [figures.captured(numbers[name]) for name in names]


def written(figures, _numbers):
    return [figures.observations("written")]


class Fault:
    """A fault that lasts some seconds."""

    def __init__(self, name, seconds, begin, end, progress):
        self.name, self.seconds, self.begin, self.end, self.progress = name, seconds, begin, end, progress

    def hold(self):
        time.sleep(self.seconds)


class DiskFull(Fault):
    """A full disk. It lasts until the database has failed: as long as it can use the pages that it has, it goes on."""

    longest = 60

    def __init__(self, disk, program, seconds):
        super().__init__("disk full", seconds, lambda: disk.fill(program), lambda: disk.free(program), written)
        self.disk, self.program = disk, program

    def hold(self):
        before = self.sink_failures()
        begun = time.monotonic()
        failed_at = None
        while time.monotonic() - begun < self.longest and not self.program.has_ended():
            self.disk.press()
            time.sleep(0.2)
            if failed_at is None and self.sink_failures() > before:
                failed_at = time.monotonic()
            if failed_at is not None and time.monotonic() - failed_at >= self.seconds:
                break

    def sink_failures(self):
        figures = self.program.figures()
        return figures.sink_failures() if figures else 0


class Locked:
    def __init__(self, path):
        self.path, self.lock = path, None

    def begin(self):
        self.lock = Lock(self.path)

    def end(self):
        self.lock.release()


def all_faults(program, cameras, disk, database, clock):
    """Returns the faults of this machine, in their order."""
    faults = []
    names = [camera.name for camera in cameras]
    if cameras:
        kill = lambda: [camera.kill() for camera in cameras]
        start = lambda: [camera.start() for camera in cameras]
        faults.append(Fault("cameras killed and started again", 4, kill, start, captured(*names)))
        freeze = lambda: [camera.freeze() for camera in cameras]
        thaw = lambda: [camera.thaw() for camera in cameras]
        faults.append(Fault("cameras frozen for 8 s", 8, freeze, thaw, captured(*names)))
    locked = Locked(database)
    faults.append(Fault("database locked for 12 s", 12, locked.begin, locked.end, written))
    faults.append(DiskFull(disk, program, 4))
    if clock:
        ahead, back = lambda: clock.set("+3600"), lambda: clock.set("+0")
        nothing = lambda: None
        faults.append(Fault("clock an hour ahead", 3, ahead, nothing, captured("scene", *names)))
        faults.append(Fault("clock an hour back", 3, back, nothing, captured("scene", *names)))
    return faults
