"""
What a whole database holds, kept in memory and put back: into the same database, as a restored backup, or into
another, as a copy.

The triggers that let nothing be taken back are for the product, and are passed over.
"""

from dataclasses import dataclass

from sqlalchemy import text

from adapters.postgres.database import Database

# Tables with their columns in order, without those that PostgreSQL computes itself.
_TABLES = """
    SELECT table_name AS name, string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) AS columns
    FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND is_generated = 'NEVER'
    GROUP BY table_name
"""
# Columns that PostgreSQL counts by itself.
_COUNTERS = """
    SELECT table_name, column_name, pg_get_serial_sequence('public.' || table_name, column_name) AS sequence
    FROM information_schema.columns
    WHERE table_schema = 'public' AND (is_identity = 'YES' OR column_default LIKE 'nextval(%')
"""
# Functions with a statement for each table, which PostgreSQL plans once for each connection.
_INSTALL = f"""
    CREATE SCHEMA IF NOT EXISTS simulation;
    DO $install$
    DECLARE
        taking text; putting text; counting text;
    BEGIN
        SELECT string_agg(format('SELECT %1$L AS name, (SELECT json_agg(t) FROM public.%1$I t) AS rows', name),
                          ' UNION ALL '),
               string_agg(format('DELETE FROM public.%1$I; IF kept ? %1$L THEN '
                   'INSERT INTO public.%1$I (%2$s) OVERRIDING SYSTEM VALUE '
                   'SELECT %2$s FROM jsonb_populate_recordset(NULL::public.%1$I, kept -> %1$L); END IF;',
                   name, columns), ' ')
        INTO taking, putting FROM ({_TABLES}) AS stored;
        SELECT string_agg(format('IF kept ? %1$L THEN '
                   'PERFORM setval(%3$L, greatest((SELECT max(%2$I) FROM public.%1$I), nextval(%3$L))); END IF;',
                   table_name, column_name, sequence), ' ')
        INTO counting FROM ({_COUNTERS}) AS counters;
        EXECUTE 'CREATE OR REPLACE FUNCTION simulation.take() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN ('
            'SELECT coalesce(jsonb_object_agg(kept.name, kept.rows), ''{{}}'') FROM (' || taking || ') AS kept WHERE kept.rows IS NOT NULL); END $$';
        EXECUTE 'CREATE OR REPLACE FUNCTION simulation.put_back(kept jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN '
            'SET LOCAL session_replication_role = replica; ' || putting || ' ' || counting || ' END $$';
    END $install$;
"""


@dataclass(frozen=True)
class Snapshot:
    """All rows of a database at one moment."""

    rows: str


async def prepare_snapshots(database: Database) -> None:
    """Install what takes snapshots, in a schema of its own; once for each database."""
    async with database.transaction() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.execute(_INSTALL, prepare=False)  # of several statements


async def take_snapshot(database: Database) -> Snapshot:
    """Keep what a database holds now."""
    async with database.transaction() as connection:
        return Snapshot(await connection.scalar(text("SELECT simulation.take()")))


async def put_back(database: Database, kept: Snapshot) -> None:
    """Replace all that a database holds by what was kept of it, or of another."""
    put = text("SELECT simulation.put_back(CAST(:rows AS jsonb))")
    async with database.transaction() as connection:
        await connection.execute(put, {"rows": kept.rows})
