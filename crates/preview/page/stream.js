// The connection for server-sent events: one for the page, opened again when it breaks.

const KINDS = ["figures", "camera", "pipeline", "person", "zone"];
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15000;
/** Figures come every second. Without any for this long the connection is dead, also if the system has not noticed. */
const SILENCE_MS = 8000;

/** Returns the connection. `handlers` has a function for each kind of event, `opened`, and `closed` with the time of the next try. */
export function openStream(handlers) {
  let source = null;
  let cameras = null;
  let pause = FIRST_PAUSE_MS;
  let timer = null;
  let lastHeard = 0;
  let started = false;

  const close = () => {
    source?.close();
    source = null;
    clearTimeout(timer);
  };

  const fail = () => {
    close();
    const wait = pause * (0.8 + 0.4 * Math.random());
    pause = Math.min(LONGEST_PAUSE_MS, pause * 2);
    timer = setTimeout(connect, wait);
    handlers.closed(Date.now() + wait);
  };

  const connect = () => {
    close();
    const kinds = cameras === null ? KINDS : ["observation", ...KINDS];
    const query = new URLSearchParams({ kinds: kinds.join(",") });
    if (cameras !== null) query.set("cameras", cameras.join(","));
    source = new EventSource(`api/events?${query}`);
    const mine = source;
    lastHeard = Date.now();
    source.onopen = () => {
      lastHeard = Date.now();
      pause = FIRST_PAUSE_MS;
      handlers.opened();
    };
    // The browser's own retry would be silent and at a fixed pace.
    source.onerror = () => mine === source && fail();
    for (const kind of kinds) {
      source.addEventListener(kind, (event) => {
        lastHeard = Date.now();
        handlers[kind](JSON.parse(event.data));
      });
    }
  };

  setInterval(() => {
    if (source && !document.hidden && Date.now() - lastHeard > SILENCE_MS) fail();
  }, 2000);
  document.addEventListener("visibilitychange", () => { lastHeard = Date.now(); });

  return {
    /** Listens to the figures and events, and to the observations of these cameras unless it is `null`. */
    listen(wanted) {
      const same = started && JSON.stringify(wanted) === JSON.stringify(cameras);
      if (same) return;
      started = true;
      cameras = wanted;
      connect();
    },
    reconnect() {
      pause = FIRST_PAUSE_MS;
      connect();
    },
  };
}
