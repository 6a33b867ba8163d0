"""A job that tests run in processes of their own: it writes the squares of its rows, and logs each shard it makes.

python counting_job.py FOLDER LOG KIND ROWS [FAULT]

A FAULT is a stage at which the process kills itself, in its second shard: `make`, `rename` or `marker`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from mmzoo.data import jobs
from mmzoo.data.jobs import Advance, Job, Outcome, Shard, shards_of

SHARD_ROWS = 3


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def run(folder: Path, log: Path, kind: str, rows: int, fault: str = "", pause: float = 0.0) -> Outcome:
    suffix = ".txt" if kind == "file" else ""
    job, made = Job(folder, {"kind": kind}, shards_of({"train": rows, "test": 2}, SHARD_ROWS, suffix)), 0

    def make(shard: Shard, path: Path, advance: Advance) -> Outcome:
        nonlocal made
        made += 1
        with log.open("a") as stream:
            stream.write(f"{shard.name} {os.getpid()}\n")
        for row in shard.rows:
            file = path if suffix else path / f"{row}.txt"
            with file.open("a") as stream:
                stream.write(f"{shard.split} {row * row}\n")
            advance(1)
            time.sleep(pause)
            if fault == "make" and made == 2:
                die()
        return Outcome(len(shard.rows), failed=sum(row == 4 for row in shard.rows), first="row 4: no")

    if fault:
        digest, write = jobs.digest_of, jobs.write_json
        digests = markers = 0

        def counted_digest(path: Path) -> str:
            nonlocal digests
            digests += path.name.endswith(".partial")
            if fault == "rename" and digests == 2:
                die()
            return digest(path)

        def counted_marker(path: Path, content: object) -> None:
            nonlocal markers
            markers += path.parent.name == jobs.DONE
            if fault == "marker" and markers == 2:
                die()
            write(path, content)

        jobs.digest_of, jobs.write_json = counted_digest, counted_marker
    return job.run(make, "counting")


if __name__ == "__main__":
    folder, log, kind, rows, *rest = sys.argv[1:]
    print(run(Path(folder), Path(log), kind, int(rows), *rest[:1], pause=float(rest[1]) if rest[1:] else 0.0))
