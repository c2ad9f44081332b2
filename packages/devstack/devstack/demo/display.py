"""How the demo looks: a board while it plays, a table of every step, and the proofs. No logic."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from devstack.demo.outage_log import DemoOutage
from devstack.demo.timeline_rows import TimelineRow, format_usdc, parse_instant
from devstack.demo.verification import DemoProof

# On a pipe nobody has said how wide it is; a log may be wider than a terminal.
PIPE_COLUMNS = 120
# From here on there is room for all 64 digits of a transaction hash.
WIDE_COLUMNS = 170
HASH_ENDS = 8, 6


def open_console(*, columns_known: bool, plain: bool) -> Console:
    """A terminal gets colour and movement; a pipe or a CI log gets plain lines."""
    if not plain:
        return Console(highlight=False, emoji=False)
    width = None if columns_known else PIPE_COLUMNS
    return Console(
        highlight=False, emoji=False, width=width, force_terminal=False, color_system=None
    )


class Board:
    """Where the three outages stand, drawn anew several times a second."""

    def __init__(self, demo_outages: Sequence[DemoOutage]) -> None:
        self._demo_outages = demo_outages
        self._spinner = Spinner("dots", style="cyan")

    def __rich__(self) -> RenderableType:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("Outage", no_wrap=True)
        table.add_column("Where it stands")
        table.add_column("Amount", justify="right", no_wrap=True)
        table.add_column("Webhooks", justify="right", no_wrap=True)
        for demo_outage in self._demo_outages:
            done = demo_outage.closed and demo_outage.all_notified
            verified = len({each.event_id for each in demo_outage.receptions if each.verified})
            mark: RenderableType = Text("✓", style="green") if done else self._spinner
            standing = Table.grid(padding=(0, 1))
            standing.add_row(mark, demo_outage.now)
            table.add_row(
                Text(demo_outage.id, style="bold"),
                standing,
                format_money(demo_outage.amount_stroops),
                f"{verified} of {len(demo_outage.scenario.events)} verified",
            )
        return Group(Text("Three outages, all at once:"), table)


@contextmanager
def show_board(console: Console, demo_outages: Sequence[DemoOutage]) -> Iterator[None]:
    """While inside, show the board on a terminal."""
    if not console.is_terminal:
        yield
        return
    with Live(Board(demo_outages), console=console, refresh_per_second=8, transient=True):
        yield


class StepLog:
    """On a pipe, where no board can be, a line for each step."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: Counter[str] = Counter()

    def note(self, demo_outage: DemoOutage) -> None:
        if self._console.is_terminal:
            return
        steps = demo_outage.steps
        for line in steps[self._shown[demo_outage.id] :]:
            amount = (
                f": {format_usdc(line.amount_stroops)}" if line.amount_stroops is not None else ""
            )
            text = f"{format_clock(line.at)}  {demo_outage.id:<16}  {line.what}{amount}"
            self._console.print(text, markup=False, soft_wrap=True)
        self._shown[demo_outage.id] = len(steps)


def format_money(amount_stroops: int | None, unit: str = " USDC") -> Text:
    if amount_stroops is None:
        return Text()
    text = format_usdc(amount_stroops).removesuffix(" USDC") + unit
    return Text(text, style="red" if amount_stroops < 0 else "green")


def format_clock(at: datetime) -> str:
    return f"{at:%H:%M:%S}"


def print_demo_outage(
    console: Console, demo_outage: DemoOutage, proofs: Iterable[DemoProof]
) -> None:
    """One outage: what it was, every step of it, and what proves its end."""
    console.print()
    console.print(Text.assemble((demo_outage.id, "bold cyan"), f"  {demo_outage.scenario.title}"))
    console.print(Text(_description(demo_outage), style="dim"))
    console.print(_steps(demo_outage.lines, wide=console.width >= WIDE_COLUMNS))
    for proof in proofs:
        print_proof(console, proof)


def _description(demo_outage: DemoOutage) -> str:
    outage = demo_outage.outage
    if not outage:
        return demo_outage.scenario.site_name
    down = f"{parse_instant(outage['detected_at']):%H:%M}"
    back = f"{parse_instant(outage['resolved_at']):%H:%M}" if outage["resolved_at"] else "now"
    return f"{outage['site_name']}, {outage['severity']}; down from {down} to {back} UTC"


def _steps(lines: Sequence[TimelineRow], *, wide: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("UTC", no_wrap=True, style="dim")
    table.add_column("What happened")
    table.add_column("Who", no_wrap=True)
    table.add_column("USDC", justify="right", no_wrap=True)
    table.add_column("Evidence", no_wrap=True)
    for line in lines:
        table.add_row(
            format_clock(line.at),
            Text(line.what, style="dim" if line.signature else ""),
            line.who,
            format_money(line.amount_stroops, unit=""),
            _evidence(line, wide=wide),
        )
    return table


def _evidence(line: TimelineRow, *, wide: bool) -> Text:
    if line.signature:
        return Text(line.signature, style="green" if "verified" in line.signature else "bold red")
    hash_ = line.transaction_hash
    if hash_ and not wide:
        head, tail = HASH_ENDS
        hash_ = f"{hash_[:head]}…{hash_[-tail:]}"
    return Text(f"tx {hash_}" if hash_ else "")


def print_proof(console: Console, proof: DemoProof) -> None:
    mark = ("✓ ", "green") if proof.holds else ("✗ ", "bold red")
    console.print(Text.assemble(mark, proof.sentence))
    for detail in proof.details:
        # A hash is there to be copied, so it is never broken over two lines.
        console.print(Text(f"  {detail}", style="dim"), soft_wrap=True)


def print_places(console: Console, places: dict[str, str]) -> None:
    """Names on the left, addresses on the right, never broken: they are there to be clicked."""
    console.print()
    width = max(map(len, places))
    for name, place in places.items():
        text = Text.assemble((f"{name:<{width}}  ", "bold"), place)
        console.print(text, soft_wrap=True)
    console.print()
