"""What a curated corpus must pass before anything is built on it: a number that adds up, a removal rate in its band.

A run that fails a check has written everything; it ends with the reason, and so does every later run until the
input is repaired or the policy says that it is right so.
"""

from __future__ import annotations

from pathlib import Path

from curation.catalog import Policy, connect, funnel

REFUSED = ("no_question", "benchmark_item")  # read and refused as what no one should train on: no fault of the file
SHOWN = 5  # sources named in one message
UNREAD = """
SELECT q.source, any_value(q.reason ORDER BY q.row NULLS FIRST), any_value(q.detail ORDER BY q.row NULLS FIRST)
FROM quarantine AS q ANTI JOIN records AS r USING (source)
WHERE NOT list_contains($allow, q.reason)
GROUP BY q.source ORDER BY q.source
"""


def check(catalog: Path, policy: Policy) -> None:
    """Raise ValueError where a source gave no record at all, the funnel does not add up, or a stage drops too much."""
    check_sources(catalog, policy)
    check_bands(funnel(catalog), policy)


def check_sources(catalog: Path, policy: Policy) -> None:
    """Raise ValueError naming the sources that are wholly in quarantine, unless policy.allow has the reason."""
    with connect(catalog) as con:
        unread = con.execute(UNREAD, {"allow": [*REFUSED, *policy.allow]}).fetchall()
    if unread:
        named = "; ".join(f"{source} ({reason}: {detail})" for source, reason, detail in unread[:SHOWN])
        more = f"; and {len(unread) - SHOWN} more" if len(unread) > SHOWN else ""
        raise ValueError(
            f"{len(unread)} source(s) gave no record, all others are in the catalog: {named}{more}. Repair or remove "
            f"them, or accept it: policy.allow={unread[0][1]}"
        )


def check_bands(rows: list[tuple[str, int, int, int]], policy: Policy) -> None:
    """Raise ValueError where the funnel does not add up, or a stage drops more than the policy allows."""
    for (stage, came, dropped, kept), (_, _, _, before) in zip(rows[1:], rows[:-1], strict=True):
        if came != dropped + kept or came != before:
            raise ValueError(
                f"{stage}: {came} records in, {dropped} dropped, {kept} kept, {before} kept before: they do not add up"
            )
        most = policy.max_drop_stages.get(stage, policy.max_drop)
        if came and dropped / came > most:
            raise ValueError(
                f"{stage} dropped {dropped} of {came} records ({dropped / came:.1%}), more than the {most:.0%} that "
                f"policy.max_drop allows. Look at them: SELECT reason, count(*) FROM {stage} GROUP BY reason. "
                f"If they are right to go: policy.max_drop_stages.{stage}=1"
            )
