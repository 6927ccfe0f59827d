"""The program under test: its configuration, its figures while it runs, and its summary."""
import os
import re
import resource
import signal
import socket
import subprocess
import time
import urllib.request

# As deploy/passerby.service sets it: glibc gives large buffers back to the system when they are freed. Otherwise it keeps them in
# parts that no longer fit, and memory grows for a while with each connection that ends.
MEMORY = {"MALLOC_MMAP_THRESHOLD_": "262144"}
START_TIMEOUT = 60
STOP_TIMEOUT = 60
FIGURE = re.compile(r'^(passerby_\w+)(?:\{([^}]*)\})? (\S+)$', re.M)
LABEL = re.compile(r'(\w+)="([^"]*)"')
SUMMARY = re.compile(r"^passerby: (\S+): (\d+) frames? \((\d+) analysed, (\d+) coasted, (\d+) dropped", re.M)
NOT_STORED = re.compile(r"^passerby: (\S+): (\d+) of \d+ frames not stored", re.M)


class Figures:
    """The figures of one moment."""

    def __init__(self, text):
        self.values = {}
        for name, labels, value in FIGURE.findall(text):
            key = tuple(sorted(LABEL.findall(labels)))
            self.values[name, key] = float(value)

    def get(self, name, **labels):
        return self.values.get((name, tuple(sorted(labels.items()))), 0)

    def cameras(self):
        return sorted({dict(key)["camera"] for name, key in self.values if name == "passerby_frames_total"})

    def captured(self, camera):
        return self.get("passerby_frames_total", camera=camera, outcome="captured")

    def in_ledger(self, camera):
        """Returns the frames of a camera in all places of the ledger."""
        outcomes = [(dict(key), value) for (name, key), value in self.values.items() if name == "passerby_frames_total"]
        ends = sum(value for key, value in outcomes if key["camera"] == camera and key["outcome"] != "captured")
        return ends + self.get("passerby_frames_in_flight", camera=camera)

    def dropped(self):
        outcomes = [(dict(key), value) for (name, key), value in self.values.items() if name == "passerby_frames_total"]
        return sum(value for key, value in outcomes if key["outcome"].startswith("dropped"))

    def observations(self, outcome):
        return self.get("passerby_observations_total", outcome=outcome)

    def sink_failures(self):
        return self.get("passerby_sink_failures_total")


class Program:
    """A running `passerby serve`."""

    def __init__(self, program, folder, database, cameras, variables=None, address_space=None):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        text = f'[store]\ndatabase = "{database}"\n[preview]\naddress = "127.0.0.1:{self.port}"\n'
        for name, uri in cameras:
            text += f'[[camera]]\nname = "{name}"\nuri = "{uri}"\n'
        (folder / "passerby.toml").write_text(text)
        self.log_path = folder / "program.log"
        self.log = open(self.log_path, "w")

        def limit():
            if address_space:
                resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))

        self.begun = time.monotonic()
        command = [program, "serve", str(folder / "passerby.toml")]
        environment = {**os.environ, **MEMORY, **(variables or {})}
        self.process = subprocess.Popen(command, stderr=self.log, cwd=folder, env=environment, preexec_fn=limit)

    def figures(self, timeout=5):
        """Returns the figures now, or `None` if the program does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=timeout) as answer:
                return Figures(answer.read().decode())
        except OSError:
            return None

    def wait_until(self, done, timeout):
        """Waits until the figures fulfil a condition. Returns the seconds that it took, or `None`."""
        begun = time.monotonic()
        while time.monotonic() - begun < timeout:
            if self.has_ended():
                return None
            figures = self.figures()
            if figures and done(figures):
                return time.monotonic() - begun
            time.sleep(0.05)
        return None

    def has_ended(self):
        return self.process.poll() is not None

    def memory(self):
        """Returns the resident memory, and the largest address space until now, in MiB."""
        fields = {}
        with open(f"/proc/{self.process.pid}/status") as file:
            for line in file:
                name, _, value = line.partition(":")
                fields[name] = value.split()
        return int(fields["VmRSS"][0]) / 1024, int(fields["VmPeak"][0]) / 1024

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def stop(self):
        """Ends the program as a service manager does. Returns its exit status, or `None` if it had to be killed."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            status = None
        self.log.close()
        return status

    def text(self):
        return self.log_path.read_text(errors="replace")

    def summary(self):
        """Returns for each camera by its name: captured, analysed, coasted and dropped frames, and those not stored."""
        text = self.text()
        not_stored = {name: int(lost) for name, lost in NOT_STORED.findall(text)}
        return {
            name: tuple(map(int, counts)) + (not_stored.get(name, 0),) for name, *counts in SUMMARY.findall(text)
        }
