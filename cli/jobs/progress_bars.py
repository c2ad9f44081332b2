"""How far a job is, for people: one line that is drawn over on a terminal, and a line each time elsewhere."""

from typing import TextIO

from domain.jobs.jobs import JobProgress

WIDTH = 20
CLEAR_LINE = "\r\x1b[K"


class ProgressBar:
    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.draws = stream.isatty()
        self._shown = ""

    def show(self, kind: str, progress: JobProgress) -> None:
        line = render_progress(kind, progress)
        if line == self._shown:
            return
        self._shown = line
        self.stream.write(CLEAR_LINE + line if self.draws else line + "\n")
        self.stream.flush()

    def close(self) -> None:
        if self.draws:
            self.stream.write("\n")
            self.stream.flush()


def render_progress(kind: str, progress: JobProgress) -> str:
    if not progress.total:
        return f"{kind}: {progress}"
    fraction = min(progress.done / progress.total, 1)
    full = int(fraction * WIDTH)
    bar = "#" * full + "." * (WIDTH - full)
    return f"{kind} [{bar}] {int(fraction * 100):3d} %, {progress.done} of {progress.total}, {progress.status}"
