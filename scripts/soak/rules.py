"""The rules, and what broke them."""
import statistics

RECOVERY_LIMIT = 2.0
MEMORY_LIMIT = 1.05
# Memory is compared with that after this time. A shorter run has not reached its usual memory yet.
WARM_UP = 600
# Threads and descriptors of connections that are just made or closed.
SLACK = 4


class Rules:
    def __init__(self):
        self.broken = []

    def check(self, holds, what):
        if not holds:
            self.broken.append(what)
        return holds

    def ledger(self, figures, when):
        """Captured frames must be analysed, coasted, dropped with a reason, or in flight."""
        for camera in figures.cameras():
            captured, in_ledger = figures.captured(camera), figures.in_ledger(camera)
            self.check(captured == in_ledger, f"{when}: camera {camera} captured {captured:.0f}, the ledger has {in_ledger:.0f}")

    def summary(self, summary, names, when):
        self.check(sorted(summary) == sorted(names), f"{when}: the summary names {sorted(summary)}")
        for name, (captured, analysed, coasted, dropped, _) in summary.items():
            self.check(captured == analysed + coasted + dropped, f"{when}: {name}: {captured} frames, but {analysed} + {coasted} + {dropped}")

    def stored(self, summary, frames, when):
        """Every observed frame must be in the database, or be counted as not stored."""
        for name, (_, analysed, coasted, _, not_stored) in summary.items():
            rows = frames.get(name, 0)
            self.check(rows == analysed + coasted - not_stored, f"{when}: {name}: {rows} frames stored of {analysed + coasted}, {not_stored} counted as lost")

    def kept(self, before, after, when):
        """What a reader saw committed must stay."""
        for key, value in before.items():
            self.check(after.get(key, 0) >= value, f"{when}: {key} had {value} rows, and has {after.get(key, 0)}")

    def recovery(self, seconds, what):
        self.check(seconds is not None and seconds <= RECOVERY_LIMIT, f"{what}: recovery took {seconds if seconds is None else round(seconds, 2)} s")

    def growth(self, first, last, what):
        self.check(last <= first + SLACK, f"{what}: {first} at first, {last} at the end")

    def memory(self, samples):
        """Takes (seconds, MiB). Returns the growth after the warm-up as a factor, or `None` if the run was too short."""
        after = [mib for at, mib in samples if at >= WARM_UP]
        begin = [mib for at, mib in samples if WARM_UP <= at < WARM_UP + 60]
        if len(after) < 2 * len(begin) or not begin:
            return None
        factor = statistics.median(after[-len(begin) :]) / statistics.median(begin)
        self.check(factor <= MEMORY_LIMIT, f"memory grew to {factor:.3f} times that after ten minutes")
        return factor
