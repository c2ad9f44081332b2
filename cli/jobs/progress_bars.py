"""How far a job is, for people: one line that is drawn over on a terminal, and a line each time elsewhere."""

from typing import TextIO

from domain.jobs.jobs import Job, JobProgress

WIDTH = 30
CLEAR_LINE = "\r\x1b[K"


class ProgressBar:
    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.draws = stream.isatty()
        self._shown = ""

    def show(self, job: Job) -> None:
        line = render_progress(job.kind, JobProgress(job.status, job.done, job.total))
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
    share = min(progress.done / progress.total, 1)
    full = int(share * WIDTH)
    return f"{kind}: [{'#' * full}{'.' * (WIDTH - full)}] {int(share * 100):3d} %  {progress}"
