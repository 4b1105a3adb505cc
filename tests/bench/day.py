"""What a terabyte of logs a day takes, worked out from one measurement: the text of docs/scale.md."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

from audit.runners.fold import CHUNK
from audit.runners.marks import PARTITIONS
from audit.tally import MARK


class Measured(NamedTuple):
    """A check with all rules on one core: events, megabytes of log and seconds of CPU."""

    events: int
    megabytes: int
    seconds: float


MEASURED = Measured(10_000_000, 8_078, 238.2)
TERABYTE = 1_000_000
JOB = 0.01
"""Seconds that the process which merges needs for a job: measured."""


def day(measured: Measured = MEASURED) -> str:
    rate, speed = measured.megabytes / measured.seconds, measured.events / measured.seconds
    events, seconds = TERABYTE / measured.megabytes * measured.events, TERABYTE / rate
    hours, jobs = seconds / 3600, TERABYTE * 1e6 / CHUNK
    cores, marks = ceil(hours), events * MARK / 1e9
    hour_events, hour_marks = events / 24, marks / 24
    part = 1000 * marks / PARTITIONS
    rows = (
        ("CPU a day", f"1,000,000 MB / {rate:.0f} MB/s = {seconds:,.0f} s = {hours:.1f} core hours"),
        ("cores, if it must be done in one hour", f"{cores}, with 2 GB of memory to spare for each two"),
        ("network", "every byte twice: once to judge, once to hash; of objects once"),
        ("jobs", f"1 TB / {CHUNK // 2**20} MiB = {jobs:,.0f}"),
        ("what jobs return", f"{marks * 1000 / jobs:.1f} MB each, {MARK} bytes an event: {marks:.0f} GB a day"),
        ("the time of the process that merges", f"{1000 * JOB:.0f} ms a job: {jobs * JOB / 60:.0f} minutes"),
        ("its disk", f"the marks: {MARK} bytes x {events / 1e9:.2f} billion events = {marks:.0f} GB, in `TMPDIR`"),
        ("its memory for the last step", f"one of {PARTITIONS} partitions at a time: {part:.0f} MB of marks and more"),
    )
    table = "\n".join(f"| {what} | {how} |" for what, how in rows)
    gigabytes, minutes = TERABYTE / 24 / 1000, seconds / 24 / 60
    return f"""Measured on one core of a shared two-core machine, all rules, no seeds, compact JSON, 0.1 % of events with a
finding: {measured.events:,} events, {measured.megabytes:,} MB, in {measured.seconds} s of CPU time. That is
**{rate:.0f} MB** or {speed:,.0f} events a second and core. Measure yours
(`make bench`; [what we measured](performance.md)) and put it in:

| | |
| --- | --- |
{table}

A smaller audit is easier to repeat. Make one an hour: {gigabytes:.0f} GB, {hour_events / 1e6:.0f} million events,
{hour_marks:.1f} GB of marks, {minutes:.0f} minutes of one core, or {minutes / 12:.1f} of twelve. Lay the logs out by hour
(`logs/2025-03-01/14/*.jsonl`), so that an audit is one directory, and its result one file:"""
