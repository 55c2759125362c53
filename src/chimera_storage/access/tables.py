"""The tables of accounts.db."""

import sqlalchemy as sa

from chimera_storage.upgrade import Steps

# Raised when a table that exists changes; a table more needs no new version, it is created.
SCHEMA_VERSION = 1
STEPS: Steps = {}  # from each older form to the next

metadata = sa.MetaData()
META = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
USERS = sa.Table(
    "users",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("cameras", sa.Text),  # JSON list of ids; NULL: all
    sa.Column("password", sa.Text, nullable=False),
    sa.Column("changed_us", sa.Integer, nullable=False),
    sa.Column("created_us", sa.Integer, nullable=False),
)
SESSIONS = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("user", sa.ForeignKey("users.name", ondelete="CASCADE"), nullable=False),
    sa.Column("created_us", sa.Integer, nullable=False),
    sa.Column("expires_us", sa.Integer, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("agent", sa.Text, nullable=False),
)
TOKENS = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("cameras", sa.Text),
    sa.Column("created_us", sa.Integer, nullable=False),
    sa.Column("expires_us", sa.Integer),
)
LINKS = sa.Table(
    "links",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("camera", sa.Integer, nullable=False),
    sa.Column("start_us", sa.Integer, nullable=False),
    sa.Column("end_us", sa.Integer, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("created_us", sa.Integer, nullable=False),
    sa.Column("expires_us", sa.Integer, nullable=False),
    sa.Column("uses", sa.Integer),  # at most so many; NULL: any number
    sa.Column("used", sa.Integer, nullable=False),
)
READERS = sa.Table(
    "readers",  # who uses a link right now: what one of them reads more is the same use
    metadata,
    sa.Column("link", sa.ForeignKey("links.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("reader", sa.Text, primary_key=True),
    sa.Column("until_us", sa.Integer, nullable=False),
)
