"""The tables' common ground: their metadata, the version of their form, and the notes."""

import sqlalchemy as sa

# Raised when a table that exists changes; a table more needs no new version, it is created.
SCHEMA_VERSION = 4

metadata = sa.MetaData()

META = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)
