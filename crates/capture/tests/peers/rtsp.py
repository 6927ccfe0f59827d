#!/usr/bin/python3
"""A camera for the tests: serves coded pictures as rtsp://127.0.0.1:PORT/live, in real time, without coding them anew.

Needs GStreamer's RTSP server through GObject introspection (python3-gi, gir1.2-gst-rtsp-server-1.0). Prints "port N" when
it listens, "play" for each client that plays, and "sent N" when all frames of one are on their way. Ends with its input.
"""

import argparse
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

H264 = "video/x-h264,stream-format=byte-stream,alignment=au"
H265 = "video/x-h265,stream-format=byte-stream,alignment=au"
# The parser and the payloader of each codec.
PARSERS = {H264: "h264parse", H265: "h265parse"}
PAYLOADERS = {
    H264: "rtph264pay config-interval=-1 aggregate-mode=zero-latency",
    H265: "rtph265pay config-interval=-1 aggregate-mode=zero-latency",
}


def say(*what):
    print(*what, flush=True)


def pull(pipeline):
    """The buffers that a pipeline makes, each as (bytes, pts, dts, duration), and their caps."""
    pipeline = Gst.parse_launch(pipeline + " ! appsink name=sink sync=false")
    sink = pipeline.get_by_name("sink")
    pipeline.set_state(Gst.State.PLAYING)
    frames, caps = [], None
    while (sample := sink.emit("pull-sample")) is not None:
        buffer, caps = sample.get_buffer(), sample.get_caps()
        frames.append((buffer.extract_dup(0, buffer.get_size()), buffer.pts, buffer.dts, buffer.duration))
    pipeline.set_state(Gst.State.NULL)
    if not frames:
        sys.exit("no frames in " + pipeline.get_name())
    return frames, caps


def coded(path, caps):
    """The access units of an MP4 file, with its parameter sets before each key frame, times from zero."""
    frames, _ = pull(f'filesrc location="{path}" ! qtdemux ! {PARSERS[caps]} config-interval=-1 ! {caps}')
    first = min(pts for _, pts, _, _ in frames)
    return [(data, pts - first, max(dts - first, 0), duration) for data, pts, dts, duration in frames]


def pictures(count, folder):
    """JPEG pictures of a moving ball, which are also written to a folder, and their caps."""
    raw = "video/x-raw,format=I420,width=320,height=240,framerate=24/1"
    frames, caps = pull(f"videotestsrc num-buffers={count} pattern=ball ! {raw} ! jpegenc")
    if folder:
        for number, (data, *_) in enumerate(frames):
            with open(f"{folder}/{number:04}.jpg", "wb") as file:
                file.write(data)
    return frames, caps.to_string()


class Camera(GstRtspServer.RTSPMediaFactory):
    """Gives each client the same frames from the first on."""

    def __init__(self, clips, caps, loops, first):
        super().__init__()
        self.loops = loops
        # One clip after the other, in one time.
        self.frames, self.length = [], 0
        for clip in clips:
            self.frames += [(d, p + self.length, t + self.length, n) for d, p, t, n in clip]
            self.frames = self.frames[:first]
            self.length = max(p + n for _, p, _, n in self.frames)
        pay = PAYLOADERS.get(caps, "rtpjpegpay")
        self.set_launch(f'( appsrc name=source format=time max-bytes=0 caps="{caps}" ! {pay} name=pay0 pt=96 )')
        self.connect("media-configure", self.configure)

    def configure(self, _factory, media):
        source = media.get_element().get_by_name("source")
        state = {"next": 0, "over": False, "lock": threading.Lock()}
        source.connect("need-data", self.feed, state)
        media.connect("new-state", lambda _media, to: to == Gst.State.PLAYING and say("play"))

    def feed(self, source, _wanted, state):
        with state["lock"]:
            if state["over"]:
                return
            number = state["next"]
            state["next"] += 1
            turn, index = divmod(number, len(self.frames))
            state["over"] = self.loops > 0 and turn == self.loops
            if state["over"]:
                say("sent", number)
                source.emit("end-of-stream")
                return
            data, pts, dts, duration = self.frames[index]
            buffer = Gst.Buffer.new_wrapped(data)
            buffer.pts = pts + turn * self.length
            buffer.dts = dts + turn * self.length
            buffer.duration = duration
        source.emit("push-buffer", buffer)


def guard(server, factory, login):
    """Asks for a name and a password, digested."""
    user, password = login.split(":")
    auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("user", "media.factory.access", True)
    permissions.add_permission_for_role("user", "media.factory.construct", True)
    factory.set_permissions(permissions)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="*", help="MP4 files with H.264, played one after the other")
    parser.add_argument("--h265", action="store_true", help="the files have H.265 instead")
    parser.add_argument("--jpeg", type=int, help="serve so many JPEG pictures instead")
    parser.add_argument("--dump", help="write these pictures to a folder")
    parser.add_argument("--loops", type=int, default=0, help="how often to play; 0: for ever")
    parser.add_argument("--first", type=int, help="play so many frames of it only")
    parser.add_argument("--login", help="name:password to ask for")
    parser.add_argument("--port", default="0")
    options = parser.parse_args()

    Gst.init(None)
    if options.jpeg:
        clip, caps = pictures(options.jpeg, options.dump)
        clips = [clip]
    else:
        caps = H265 if options.h265 else H264
        clips = [coded(path, caps) for path in options.clips]
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(options.port)
    factory = Camera(clips, caps, options.loops, options.first)
    if options.login:
        guard(server, factory, options.login)
    server.get_mount_points().add_factory("/live", factory)
    loop = GLib.MainLoop()
    if not server.attach(None):
        sys.exit("the port is taken")
    say("port", server.get_bound_port())
    threading.Thread(target=lambda: (sys.stdin.read(), GLib.idle_add(loop.quit)), daemon=True).start()
    loop.run()


main()
