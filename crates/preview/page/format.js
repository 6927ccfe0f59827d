// How times, numbers and people are written.

const locale = navigator.language || "en";
const whole = new Intl.NumberFormat("en");
const time = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const timeSeconds = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });
const dayYear = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric" });

export const count = (n) => (n === null || n === undefined ? "–" : whole.format(n));
export const rate = (n) => (n === null || n === undefined ? "–" : n >= 100 ? Math.round(n).toString() : n.toFixed(1));
export const millis = (n) => (n === null || n === undefined ? "–" : n >= 10000 ? `${(n / 1000).toFixed(1)} s` : `${Math.round(n)} ms`);
export const percent = (part, of) => (of ? `${(100 * part / of).toFixed(part && part / of < 0.01 ? 1 : 0)} %` : "0 %");
export const clock = (at) => timeSeconds.format(new Date(at));

/** Returns a time of day today, and the day before it for other days. */
export function moment(at) {
  if (!at) return "never";
  const then = new Date(at);
  const now = new Date();
  if (then.toDateString() === now.toDateString()) return `today ${time.format(then)}`;
  const yesterday = new Date(now.getTime() - 86400000);
  if (then.toDateString() === yesterday.toDateString()) return `yesterday ${time.format(then)}`;
  return `${(then.getFullYear() === now.getFullYear() ? day : dayYear).format(then)}, ${time.format(then)}`;
}

/** Returns how long ago a time was, for example `3 min ago`. */
export function ago(at) {
  if (!at) return "never";
  const s = (Date.now() - new Date(at).getTime()) / 1000;
  if (s < 5) return "now";
  if (s < 60) return `${Math.floor(s)} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return moment(at);
}

/** Returns a duration, for example `42 s`, `12 min` or `1 h 20 min`. */
export function duration(s) {
  if (s === null || s === undefined) return "–";
  if (s < 60) return `${s < 10 && s % 1 ? s.toFixed(1) : Math.round(s)} s`;
  const minutes = Math.round(s / 60);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 1440) return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
  return `${Math.floor(minutes / 1440)} d ${Math.round(minutes % 1440 / 60)} h`;
}

export const personTitle = (number, name) => (name ? name : number === null || number === undefined ? "Not identified" : `Person ${number}`);

/** The confidence with which a gender is called known; `Attributes::GENDER_CONFIDENCE` has the same. */
const GENDER_CONFIDENCE = 0.8;

/** Returns "female", "male", or null while it is unknown. */
export function gender(pMale) {
  if (pMale === null || pMale === undefined) return null;
  if (pMale >= GENDER_CONFIDENCE) return "male";
  return pMale <= 1 - GENDER_CONFIDENCE ? "female" : null;
}

/** Returns age and gender in words, or nothing if the server does not say them. What is unknown is said. */
export function attributes(face, withInterval = false) {
  if (face.age === undefined && face.p_male === undefined) return "";
  const known = gender(face.p_male);
  const hasAge = face.age !== null && face.age !== undefined;
  if (!hasAge && !known) return "age and gender unknown";
  const interval = withInterval && face.age_interval ? ` (${face.age_interval.map(Math.round).join("–")})` : "";
  const age = hasAge ? `${Math.round(face.age)}${interval}` : "age unknown";
  return `${age} · ${known ?? "gender unknown"}`;
}

/** Returns a name of the API in words, for example `queue_full` as `queue full`. */
export const words = (name) => String(name).replaceAll("_", " ");
