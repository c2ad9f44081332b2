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
_INSTALL = f"""
    CREATE SCHEMA IF NOT EXISTS simulation;
    CREATE TABLE IF NOT EXISTS simulation.stored AS {_TABLES};
    CREATE OR REPLACE FUNCTION simulation.take() RETURNS text LANGUAGE plpgsql AS $$
    DECLARE
        stored record; found json; kept jsonb := '{{}}';
    BEGIN
        FOR stored IN SELECT * FROM simulation.stored LOOP
            EXECUTE format('SELECT json_agg(t) FROM public.%I t', stored.name) INTO found;
            IF found IS NOT NULL THEN
                kept := kept || jsonb_build_object(stored.name, found);
            END IF;
        END LOOP;
        RETURN kept;
    END $$;
    CREATE OR REPLACE FUNCTION simulation.put_back(kept jsonb) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE
        stored record; counter record; highest bigint;
    BEGIN
        SET LOCAL session_replication_role = replica;
        FOR stored IN SELECT * FROM simulation.stored LOOP
            EXECUTE format('DELETE FROM public.%I', stored.name);
            IF kept ? stored.name THEN
                EXECUTE format(
                    'INSERT INTO public.%I (%s) OVERRIDING SYSTEM VALUE '
                    'SELECT %s FROM jsonb_populate_recordset(NULL::public.%I, $1)',
                    stored.name, stored.columns, stored.columns, stored.name
                ) USING kept -> stored.name;
            END IF;
        END LOOP;
        FOR counter IN SELECT * FROM simulation.counters LOOP
            IF kept ? counter.table_name THEN
                EXECUTE format('SELECT max(%I) FROM public.%I', counter.column_name, counter.table_name) INTO highest;
                PERFORM setval(counter.sequence, greatest(highest, nextval(counter.sequence)));
            END IF;
        END LOOP;
    END $$;
    CREATE TABLE IF NOT EXISTS simulation.counters AS
    SELECT table_name, column_name, pg_get_serial_sequence('public.' || table_name, column_name) AS sequence
    FROM information_schema.columns
    WHERE table_schema = 'public' AND (is_identity = 'YES' OR column_default LIKE 'nextval(%');
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
        await driver.execute(_INSTALL)


async def take_snapshot(database: Database) -> Snapshot:
    """Keep what a database holds now."""
    async with database.transaction() as connection:
        return Snapshot(await connection.scalar(text("SELECT simulation.take()")))


async def put_back(database: Database, kept: Snapshot) -> None:
    """Replace all that a database holds by what was kept of it, or of another."""
    put = text("SELECT simulation.put_back(CAST(:rows AS jsonb))")
    async with database.transaction() as connection:
        await connection.execute(put, {"rows": kept.rows})
