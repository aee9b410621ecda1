"""Kills writers of a collection at random moments, and looks whether anything was lost.

    python tests/collection_kills.py --kills 500

A child makes changes that follow from their number alone, and writes each number to a pipe once the
call has returned. Its parent kills it, opens what is left, and compares: it must hold every change
that was acknowledged, and of the next one all or nothing.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from collection_model import assert_holds, embeddings, empty_index

import bitindex as bi
from bitindex.collection import written_documents

MOST_SECONDS = 0.25
KILLS_PER_COLLECTION = 50


def change(number, model):
    """Return the arguments of change `number`, and what a model is after it."""
    random_ = random.Random(number)
    ids = [random_.choice([i, str(i)]) for i in random_.sample(range(40), random_.randint(1, 15))]
    after = dict(model)
    for name in ids:
        after.pop(name, None)
    if random_.random() < 0.3:
        return (ids,), after
    texts = [f"{number} " * random_.randint(1, 500) for _ in ids]
    metadata = [{"change": number, "place": place} for place in range(len(ids))]
    seeds = [number * 100 + place for place in range(len(ids))]
    after |= dict(zip(ids, zip(seeds, texts, metadata, strict=True), strict=True))
    return (ids, embeddings(seeds), texts, metadata), after


def write_for_ever(path, first, model, pipe):
    """Make changes, and acknowledge each by a byte."""
    # So small that images are written, and pages go from the log into the database, now and then.
    written_documents._CHANGES_BEFORE_IMAGE = 20
    collection = bi.Collection.open(path)
    number = first
    while True:
        arguments, model = change(number, model)
        (collection.delete if len(arguments) == 1 else collection.upsert)(*arguments)
        os.write(pipe, b".")
        if number % 7 == 0:
            collection.compact()
        if number % 11 == 0:
            collection.close()
            collection = bi.Collection.open(path)
        number += 1


def kill_one(path, first, model, seconds):
    """Let a child write for so long, kill it, and return how many changes it acknowledged."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            write_for_ever(path, first, model, writing)
        os._exit(1)
    os.close(writing)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        sys.exit("the child has failed by itself")
    acknowledged = b""
    while part := os.read(reading, 1 << 16):
        acknowledged += part
    os.close(reading)
    return len(acknowledged)


def holds(path, model):
    """Tell whether a collection has the documents of a model, which must then be as there."""
    with bi.Collection.open(path) as collection:
        problems = collection.check()
        if problems:
            sys.exit(f"damaged: {problems}")
        documents = collection.get(list(collection))
        if documents != [(name, text, fields) for name, (_, text, fields) in model.items()]:
            return False
        assert_holds(collection, model)
    return True


def kill_writers(directory, n_kills, seed=0):
    """Kill so many writers.

    Returns how many changes were acknowledged, and how often the next one was there as well.
    """
    moments = random.Random(seed)
    n_acknowledged = n_ahead = 0
    for kill in range(n_kills):
        if kill % KILLS_PER_COLLECTION == 0:
            path = Path(directory) / f"documents-{kill}"
            bi.Collection.create(path, empty_index()).close()
            number, model = 0, {}
        n_done = kill_one(path, number, model, moments.uniform(0.0, MOST_SECONDS))
        for _ in range(n_done):
            model = change(number, model)[1]
            number += 1
        n_acknowledged += n_done
        if not holds(path, model):
            model = change(number, model)[1]
            number += 1
            n_ahead += 1
            if not holds(path, model):
                sys.exit(f"kill {kill}: acknowledged changes are lost, of {number - 1}")
    return n_acknowledged, n_ahead


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=500, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    arguments = parser.parse_args()
    directory = tempfile.mkdtemp()
    n_acknowledged, n_ahead = kill_writers(directory, arguments.kills, arguments.seed)
    shutil.rmtree(directory)
    sys.stdout.write(
        f"{arguments.kills} kills, {n_acknowledged} changes acknowledged: 0 lost, 0 files "
        f"unreadable; {n_ahead} times the change under way was there, whole\n"
    )


if __name__ == "__main__":
    main()
