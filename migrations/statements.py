"""What the baseline runs besides its tables: the .sql files, in the order in which they build on each other."""

from pathlib import Path

SQL = Path(__file__).parent / "sql"


def list_sql_files() -> list[Path]:
    """Functions first, then the triggers that call them, then the first rows."""
    return [*sorted((SQL / "functions").glob("*.sql")), SQL / "triggers.sql", SQL / "seed.sql"]


def read_sql_files() -> list[str]:
    return [path.read_text(encoding="utf-8") for path in list_sql_files()]
