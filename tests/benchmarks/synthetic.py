"""Made-up Convoso leads, written into a warehouse with SQL: ten million of them take a minute or two.

    python -m tests.benchmarks.synthetic URL fill 1000000

The product has read a few leads of the sandbox into the warehouse before, so that every table is as it makes it. ``fill``
repeats those leads under other ids until there are as many as asked for, as if the same load had brought them. The values
keep their shapes, and what is different for each lead in a CRM is different here.
"""

import argparse
import time

import sqlalchemy as sa

from tests.benchmarks.sizes import CHANGED, FIELDS

RAW = "convoso_raw.lead_versions"
FIRST_ID = 1_000_000

OWN = {
    "id": "cast({first} + n as text)",
    "created_at": "cast(cast(created_at as timestamp) - cast(mod(n, 9000000) as integer) * interval '1 second' as text)",
    "modified_at": "cast(cast(modified_at as timestamp) - cast(mod(n, 5000000) as integer) * interval '1 second' as text)",
    # No number that the sandbox would make up, so that the search for leaks is not misled.
    "phone_number": "'2' || lpad(cast(n as text), 9, '0')",
    "email": "'lead' || cast(n as text) || '@example.com'",
    "std_consumer_number": "'C-' || cast(n as text)",
}
"""Column -> what it holds for the nth lead."""


class Raw:
    """The raw table of a warehouse, by its SQLAlchemy URL."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url)

    def empty(self, _: int = 0) -> None:
        """Drops every schema of a PostgreSQL database; a DuckDB file is deleted instead."""
        with self._engine.begin() as connection:
            names = connection.exec_driver_sql(
                "select schema_name from information_schema.schemata "
                "where schema_name not in ('information_schema', 'public') and left(schema_name, 3) <> 'pg_'"
            ).scalars()
            for name in names.all():
                connection.exec_driver_sql(f'drop schema "{name}" cascade')

    def fill(self, leads: int) -> None:
        """Adds leads to those that are there, up to this many, in their load."""
        with self._engine.begin() as connection:
            seed = self._count(connection)
            if leads <= seed:
                return
            own = {name: rule.format(first=FIRST_ID) for name, rule in OWN.items()}
            connection.exec_driver_sql(
                f"insert into {RAW} select {self._columns(connection, own)} from "
                f"(select *, row_number() over (order by id) - 1 as place from {RAW}) as seed "
                f"inner join generate_series(1, {leads - seed}) as made(n) on mod(made.n, {seed}) = seed.place"
            )
            connection.exec_driver_sql(f"analyze {RAW}")  # as PostgreSQL does by itself, a minute later

    def change(self, leads: int = CHANGED) -> int:
        """A load that has seen leads again, spread over all of them, each with two other values; how many it were."""
        load = repr(time.time())
        with self._engine.begin() as connection:
            first = "(select min(load_id) from convoso_raw._dlt_loads)"
            there = connection.exec_driver_sql(
                f"select count(*) from {RAW} where _dlt_load_id = {first}"
            ).scalar()
            step = max(1, int(there or 0) // leads)
            connection.exec_driver_sql(
                "insert into convoso_raw._dlt_loads select "
                f"'{load}', schema_name, status, current_timestamp, schema_version_hash "
                f"from convoso_raw._dlt_loads where load_id = {first}"
            )
            number = connection.exec_driver_sql("select nextval('leadloop.sequence_number')").scalar()
            now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() - 8 * 3600))
            own = {
                "modified_at": f"'{now}'",
                "status": f"case when status = 'SALE' then 'NEW{load[-3:]}' else 'SALE' end",
                "notes": f"'Called again, {load}'",
                "leadloop_seen_at": "current_timestamp",
                "leadloop_sequence_number": str(number),
                "_dlt_load_id": f"'{load}'",
            }
            written = connection.exec_driver_sql(
                f"insert into {RAW} select {self._columns(connection, own)} from {RAW} "
                f"where _dlt_load_id = {first} and mod(cast(id as bigint), {step}) = 0 limit {leads}"
            )
            return written.rowcount

    def widen(self, columns: int) -> None:
        """Gives every lead this many further fields, each with a value."""
        with self._engine.begin() as connection:
            names = [f"custom_{number}" for number in range(1, columns + 1)]
            for name in names:
                connection.exec_driver_sql(f"alter table {RAW} add column {name} text")
            values = ", ".join(f"{name} = id || '-{name}'" for name in names)
            connection.exec_driver_sql(f"update {RAW} set {values}")

    def want(self, share: int) -> int:
        """``inputs.wanted``: another value in ten fields of every so-manieth lead; how many leads they are."""
        with self._engine.begin() as connection:
            connection.exec_driver_sql("create schema if not exists inputs")
            connection.exec_driver_sql("drop table if exists inputs.wanted")
            values = ", ".join(f"'new ' || id as {name}" for name in FIELDS if name != "email")
            values += ", 'new' || id || '@example.com' as email"
            connection.exec_driver_sql(
                f"create table inputs.wanted as select id as lead_id, {values} from {RAW} "
                f"where mod(cast(id as bigint), {share}) = 0"
            )
            return int(connection.exec_driver_sql("select count(*) from inputs.wanted").scalar() or 0)

    def sent(self, runs: int) -> int:
        """A journal of so many closed pushes, each of ten fields of 250 leads, of 100,000 leads in turn; how many rows it has."""
        made = f"generate_series(0, {runs - 1}) as runs (run)"
        run_id = "'20200101T000000-' || lpad(cast(run as text), 8, '0')"
        then = "cast('2020-01-01 00:00:00+00' as timestamptz) + run * interval '1 hour'"
        fields = ", ".join(f"({number}, '{name}')" for number, name in enumerate(FIELDS))
        states = "(0, 'planned'), (1, 'sent'), (2, 'applied'), (3, 'confirmed')"
        lead = "cast(1000000000 + (run * 250 + lead) % 100000 as text)"
        with self._engine.begin() as connection:
            for statement in (
                (
                    "insert into leadloop.push_runs (run_id, push, crm, mode, started_at, leads, fields) "
                    f"select {run_id}, 'nightly', 'convoso', 'update', {then}, 250, {250 * len(FIELDS)} from {made}"
                ),
                f"insert into leadloop.push_settled (run_id, settled_at) select {run_id}, {then} from {made}",
                (
                    "insert into leadloop.push_journal (run_id, seq, push, crm, lead_id, field, column_name, state, old_value, "
                    f"value, recorded_at, crm_lead_id, sequence_number) select {run_id}, "
                    f"state * {250 * len(FIELDS)} + lead * {len(FIELDS)} + field + 1, 'nightly', 'convoso', {lead}, name, name, "
                    f"said, 'old', 'value ' || run, {then}, {lead}, 10 + 2 * run + case when state = 0 then 0 else 1 end from {made}, "
                    f"generate_series(0, 249) as leads (lead), (values {fields}) as fields (field, name), "
                    f"(values {states}) as states (state, said) order by run, state, lead, field"
                ),
            ):
                connection.exec_driver_sql(statement)
            return int(connection.exec_driver_sql("select count(*) from leadloop.push_journal").scalar() or 0)

    def check(self, leads: int) -> None:
        """Stops where ``analytics.leads`` has not so many leads, or doesn't show what the newest load has seen of one."""
        stale = (
            f"select count(*) from {RAW} as raw left join analytics.leads on raw.id = leads.lead_id "
            "where raw._dlt_load_id = (select max(load_id) from convoso_raw._dlt_loads) "
            "and coalesce(raw.notes, '') <> coalesce(leads.notes, '')"
        )
        with self._engine.begin() as connection:
            made = connection.exec_driver_sql("select count(*) from analytics.leads").scalar()
            old = connection.exec_driver_sql(stale).scalar()
        if (made, old) != (leads, 0):
            raise SystemExit(
                f"analytics.leads has {made} leads instead of {leads}, and {old} of them are not up to date"
            )

    def _count(self, connection: sa.Connection) -> int:
        return int(connection.exec_driver_sql(f"select count(*) from {RAW}").scalar() or 0)

    def _columns(self, connection: sa.Connection, own: dict[str, str]) -> str:
        """The table's columns in their order, some of them with a rule of their own."""
        names = connection.exec_driver_sql(f"select * from {RAW} limit 0").keys()
        return ", ".join(own.get(name, name) for name in names)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url")
    parser.add_argument("what", choices=("empty", "fill", "change", "widen", "want", "sent", "check"))
    parser.add_argument("number", type=int)
    arguments = parser.parse_args()
    print(getattr(Raw(arguments.url), arguments.what)(arguments.number))


if __name__ == "__main__":
    main()
