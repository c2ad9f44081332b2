"""How Alembic reaches the database: one lock, short waits, one transaction per migration."""

from alembic import context
from sqlalchemy import create_engine, text
from sqlalchemy.dialects.postgresql.base import ischema_names

from adapters.postgres.database import make_dialect_url
from adapters.postgres.tables import Xid8, metadata
from migrations.run import LOCK, read_url

# Reflection has to recognise the one type that SQLAlchemy does not ship.
ischema_names["xid8"] = Xid8

url = context.config.attributes.get("url") or read_url()
engine = create_engine(make_dialect_url(url))
with engine.connect() as connection:
    # Two deploys at once must not migrate at once.
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
    connection.execute(text("SET lock_timeout = '5s'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transaction_per_migration=True,
        compare_server_default=False,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})
    connection.commit()
engine.dispose()
