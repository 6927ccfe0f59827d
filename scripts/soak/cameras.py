"""Cameras for the soak: RTSP cameras that can be killed, frozen and started again, and a hostile one."""
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "crates/capture/tests/peers/rtsp.py"
CLIP = ROOT / "crates/cli/assets/passersby.mp4"
PYTHON = "/usr/bin/python3"


def is_gstreamer_installed():
    probe = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    try:
        return subprocess.run([PYTHON, "-c", probe], stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


class RtspCamera:
    """A camera of GStreamer's RTSP server in a process of its own. It keeps its port over all starts."""

    def __init__(self, name, *arguments):
        self.name, self.arguments, self.port, self.process = name, arguments, 0, None
        self.start()

    def start(self):
        command = [PYTHON, SCRIPT, *self.arguments, "--port", str(self.port)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("port "):
            raise RuntimeError(f"the camera {self.name} does not start")
        self.port = int(line.split()[1])
        # The camera reports each client. Nobody must wait for a reader.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def address(self):
        return f"rtsp://127.0.0.1:{self.port}/live"

    def kill(self):
        self.process.kill()
        self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)


class HostileCamera:
    """A camera that answers each request with a message that never ends: a line, or a body of a declared gibibyte."""

    MESSAGES = [b"RTSP/1.0 200 OK\r\nX-Line: ", b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 1073741824\r\n\r\n"]

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.sent = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def address(self):
        return f"rtsp://127.0.0.1:{self.listener.getsockname()[1]}/live"

    def serve(self):
        number = 0
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            message = self.MESSAGES[number % len(self.MESSAGES)]
            number += 1
            threading.Thread(target=self.flood, args=(client, message), daemon=True).start()

    def flood(self, client, message):
        with client:
            try:
                client.sendall(message)
                while True:
                    client.sendall(b"x" * 65536)
                    self.sent += 65536
                    time.sleep(0.001)
            except OSError:
                pass

    def close(self):
        self.listener.close()


def start_cameras():
    """Starts two cameras: faces as H.264, and a ball as JPEG pictures. Returns none of them without GStreamer."""
    if not is_gstreamer_installed():
        return []
    return [RtspCamera("door", str(CLIP)), RtspCamera("hall", "--jpeg", "240")]
