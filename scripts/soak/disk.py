"""A disk that becomes full and free again."""
import os
import resource
import subprocess


class SmallDisk:
    """A file system in memory. Needs root."""

    what = "a file system without a free byte"

    def __init__(self, folder, mebibytes):
        self.folder = folder
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=700", "soak", str(folder)]
        subprocess.run(mount, check=True, stderr=subprocess.DEVNULL)

    def fill(self, _program):
        # In blocks, then in bytes: the database may free and use pages meanwhile.
        self.filler = os.open(self.folder / "filler", os.O_WRONLY | os.O_CREAT)
        self.press()

    def press(self):
        """Takes what has become free since the last call."""
        for size in [1 << 20, 4096, 1]:
            try:
                while os.write(self.filler, bytes(size)) == size:
                    pass
            except OSError:
                pass

    def free(self, _program):
        os.close(self.filler)
        os.unlink(self.folder / "filler")

    def close(self):
        subprocess.run(["umount", str(self.folder)], check=False)


class LimitedFiles:
    """A folder of the usual disk. The program's files may not grow while the limit holds (`ulimit -f`)."""

    what = "a limit on the size of files (no rights to mount a small file system)"

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def fill(self, program):
        resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

    def press(self):
        pass

    def free(self, program):
        resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def close(self):
        pass


def make_disk(folder, mebibytes):
    try:
        return SmallDisk(folder, mebibytes)
    except (OSError, subprocess.CalledProcessError):
        folder.rmdir()
        return LimitedFiles(folder)
