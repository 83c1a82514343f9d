"""The ledger's tables: one append-only hash chain, two append-only projections of it, and the queue of open steps.

`ledger` is the truth. `forecasts` and `scores` are functions of it, kept as columns to be queried; `pending` lists the
steps that wait for their outcome and can be rebuilt from the other three. Every time is microseconds since the epoch.
"""

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    event,
)

from truecast.kit.db import RowId, append_only, metadata

ledger = Table(
    "ledger",
    metadata,
    Column("seq", RowId, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),  # "forecast" | "score"
    Column("ref", String(96), nullable=False),  # the forecast's id, or the bar that the scores are against
    Column("recorded_at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),  # canonical JSON: kept as text, because the hash is over these bytes
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

forecasts = Table(
    "forecasts",
    metadata,
    Column("seq", RowId, ForeignKey("ledger.seq"), primary_key=True, autoincrement=False),
    Column("id", String(36), nullable=False, unique=True),
    Column("symbol", String(64), nullable=False),
    Column("interval", String(8), nullable=False),
    Column("model", String(64), nullable=False),
    Column("model_version", String(64), nullable=False),
    Column("data_fingerprint", String(64), nullable=False, index=True),
    Column("mode", String(8), nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("as_of", BigInteger, nullable=False),
    Column("anchor_start", BigInteger, nullable=False),
    Column("anchor_price", Float(53), nullable=False),
    Column("mase_scale", Float(53), nullable=False),
    Column("naive_id", String(36)),  # the random walk recorded beside it; null where it is the random walk itself
    Column("steps", Integer, nullable=False),
    Column("last_target", BigInteger, nullable=False),
    Column("targets", LargeBinary, nullable=False),  # (steps,) int64, little-endian
    Column("target_ends", LargeBinary, nullable=False),  # (steps,) int64, little-endian
    Column("quantiles", LargeBinary, nullable=False),  # (steps, len(GRID)) float64, little-endian
    Index("ix_forecasts_series", "symbol", "interval", "model", "seq"),
)

scores = Table(
    "scores",
    metadata,
    Column("forecast_seq", RowId, ForeignKey("forecasts.seq"), primary_key=True, autoincrement=False),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False, index=True),  # of the chain row that says it
    Column("target", BigInteger, nullable=False),
    Column("resolved_at", BigInteger, nullable=False, index=True),
    Column("void", String(64)),  # why there will be no score; everything below is null then
    Column("outcome_known_at", BigInteger),
    Column("outcome_source", String(32)),
    Column("outcome", Float(53)),
    Column("sealed", Boolean),
    Column("crps", Float(53)),
    Column("crps_naive", Float(53)),
    Column("pinball", Float(53)),  # mean over GRID; the single losses follow from quantiles and outcome
    Column("inside", SmallInteger),  # bit k: inside the interval at STANDARD_LEVELS[k]
    Column("pit", Float(53)),
    Column("error", Float(53)),
    Column("error_naive", Float(53)),
    Column("hit", Boolean),
    sqlite_with_rowid=False,
)

pending = Table(
    "pending",
    metadata,
    Column("due", BigInteger, primary_key=True, autoincrement=False),  # when the outcome should be known
    Column("forecast_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("symbol", String(64), nullable=False),
    Column("interval", String(8), nullable=False),
    Column("target", BigInteger, nullable=False),
    Column("target_end", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

GENESIS = "0" * 64  # what the first row of the chain hashes as the one before


for _table in (ledger, forecasts, scores):
    append_only(_table)


_NOT_NEXT = "ledger is append-only: the row does not follow the last one"

_SQLITE_LEDGER_LINKS = f"""\
CREATE TRIGGER ledger_links BEFORE INSERT ON ledger
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM ledger)
  OR NEW.prev_hash IS NOT coalesce((SELECT hash FROM ledger WHERE seq = NEW.seq - 1), '{GENESIS}')
BEGIN SELECT RAISE(ABORT, '{_NOT_NEXT}'); END"""  # noqa: S608 constants of ours

_SQLITE_FORECASTS_NO_REPLACE = """\
CREATE TRIGGER forecasts_no_replace BEFORE INSERT ON forecasts
WHEN EXISTS (SELECT 1 FROM forecasts WHERE seq = NEW.seq OR id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'forecasts is append-only'); END"""

_SQLITE_SCORES_NO_REPLACE = """\
CREATE TRIGGER scores_no_replace BEFORE INSERT ON scores
WHEN EXISTS (SELECT 1 FROM scores WHERE forecast_seq = NEW.forecast_seq AND step = NEW.step)
BEGIN SELECT RAISE(ABORT, 'scores is append-only'); END"""

_POSTGRESQL_LINKS = f"""\
CREATE OR REPLACE FUNCTION truecast_ledger_links() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM ledger)
    OR NEW.prev_hash IS DISTINCT FROM coalesce((SELECT hash FROM ledger WHERE seq = NEW.seq - 1), '{GENESIS}')
  THEN RAISE EXCEPTION '{_NOT_NEXT}' USING ERRCODE = 'restrict_violation'; END IF;
  RETURN NEW;
END $$"""  # noqa: S608 constants of ours

_POSTGRESQL_LEDGER_LINKS = (
    "CREATE TRIGGER ledger_links BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION truecast_ledger_links()"
)

_SQLITE: dict[str, tuple[str, ...]] = {
    "ledger": (_SQLITE_LEDGER_LINKS,),
    "forecasts": (_SQLITE_FORECASTS_NO_REPLACE,),
    "scores": (_SQLITE_SCORES_NO_REPLACE,),
}
_POSTGRESQL: dict[str, tuple[str, ...]] = {"ledger": (_POSTGRESQL_LINKS, _POSTGRESQL_LEDGER_LINKS)}


def chain_ddl(dialect: str) -> dict[str, tuple[str, ...]]:
    """For each table the statements by which the database itself refuses to fork, skip or replace what was said.

    `INSERT OR REPLACE` deletes without asking a delete trigger, hence the insert triggers. A migration runs the same
    text, after `append_only_ddl` of each table.
    """
    return _SQLITE if dialect == "sqlite" else _POSTGRESQL


for _dialect in ("sqlite", "postgresql"):
    for _name, _statements in chain_ddl(_dialect).items():
        for _statement in _statements:
            _ddl = DDL(_statement.replace("%", "%%"))  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
            event.listen(metadata.tables[_name], "after_create", _ddl.execute_if(dialect=_dialect))
