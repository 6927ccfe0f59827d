"""What the database holds, seen by another program."""
import sqlite3


def stored_frames(path):
    """Returns the frames of each camera of each run that are committed: {(run, camera): (name, frames)}."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20) as database:
        rows = database.execute("SELECT run, camera, name, analysed + coasted FROM camera").fetchall()
    database.close()
    return {(run, camera): (name, frames) for run, camera, name, frames in rows}


def stored_observations(path):
    """Returns the rows of observations of each run."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20) as database:
        rows = database.execute("SELECT run, count(*) FROM observation GROUP BY run").fetchall()
    database.close()
    return dict(rows)


def is_sound(path):
    with sqlite3.connect(path, timeout=20) as database:
        answer = database.execute("PRAGMA integrity_check").fetchall()
    database.close()
    return answer == [("ok",)]


class Lock:
    """Holds the database's write lock, as another program does."""

    def __init__(self, path):
        self.database = sqlite3.connect(path, timeout=20, isolation_level=None)
        self.database.execute("BEGIN IMMEDIATE")

    def release(self):
        self.database.execute("ROLLBACK")
        self.database.close()
