// The observations of one camera by the time of their frame, so that a picture gets the boxes that belong to it.

/** How long observations are kept, in seconds of the stream. Trails look back as far. */
const KEPT_S = 4;
/** An observation this near to the picture belongs to it: time stamps are rounded on their way. */
const SAME_FRAME_S = 0.004;
/** The longest time between two observations over which boxes are moved in between. */
const LONGEST_GAP_S = 0.6;
/** How long the last boxes stay if no newer observation came. */
const HOLD_S = 0.25;

/** The observations of one camera. */
export class Timeline {
  #rows = [];
  #lags = [];

  /** Takes an observation. `newestPicture` is the time of the newest received picture, or null. */
  push(observation, newestPicture = null) {
    const pts = observation.pts_s;
    if (pts === null || pts === undefined) return;
    const last = this.#rows.at(-1);
    // The stream began again.
    if (last && pts < last.pts_s - 1) this.#rows = [];
    this.#rows.push(observation);
    if (last && pts < last.pts_s) this.#rows.sort((a, b) => a.pts_s - b.pts_s);
    while (this.#rows.length && this.#rows[0].pts_s < pts - KEPT_S) this.#rows.shift();
    if (newestPicture !== null) {
      this.#lags.push(newestPicture - pts);
      if (this.#lags.length > 72) this.#lags.shift();
    }
  }

  /** Returns how far the results come behind their pictures, in seconds (nine of ten), or null before enough came. */
  lag() {
    if (this.#lags.length < 12) return null;
    const sorted = [...this.#lags].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length * 0.9)];
  }

  /** Returns the newest observation, or null. */
  newest() {
    return this.#rows.at(-1) ?? null;
  }

  /**
   * Returns the faces at a time: `{pts, faces, width, height}`, or null if nothing is known of that time. They are those of the
   * frame itself, else moved between the frames around it, else those of a frame shortly before.
   */
  at(pts) {
    let before = null;
    let after = null;
    for (let i = this.#rows.length - 1; i >= 0; i -= 1) {
      const row = this.#rows[i];
      if (Math.abs(row.pts_s - pts) <= SAME_FRAME_S) return shown(row, row.pts_s, row.faces);
      if (row.pts_s < pts) {
        before = row;
        break;
      }
      after = row;
    }
    if (before && after && after.pts_s - before.pts_s <= LONGEST_GAP_S) return shown(before, pts, between(before, after, pts));
    if (before && pts - before.pts_s <= HOLD_S) return shown(before, before.pts_s, before.faces);
    return null;
  }

  /** Returns the middles of each track's boxes up to a time, as a map from the track to [x, y, pts]. */
  trails(pts, seconds) {
    const found = new Map();
    for (const row of this.#rows) {
      if (row.pts_s > pts + SAME_FRAME_S || row.pts_s < pts - seconds) continue;
      for (const face of row.faces) {
        const [x1, y1, x2, y2] = face.box;
        if (!found.has(face.track)) found.set(face.track, []);
        found.get(face.track).push([(x1 + x2) / 2, (y1 + y2) / 2, row.pts_s]);
      }
    }
    return found;
  }
}

const shown = (row, pts, faces) => ({ pts, faces, width: row.width, height: row.height });

/** Returns the faces of `before`, moved to `pts`. A track that `after` lacks stays until half of the time has passed. */
function between(before, after, pts) {
  const part = (pts - before.pts_s) / (after.pts_s - before.pts_s);
  const next = new Map(after.faces.map((face) => [face.track, face]));
  const moved = before.faces.flatMap((face) => {
    const to = next.get(face.track);
    if (!to) return part < 0.5 ? [face] : [];
    return [{ ...face, box: face.box.map((value, i) => value + part * (to.box[i] - value)) }];
  });
  const known = new Set(before.faces.map((face) => face.track));
  const fresh = part >= 0.5 ? after.faces.filter((face) => !known.has(face.track)) : [];
  return [...moved, ...fresh];
}
