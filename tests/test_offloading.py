"""Searches from asyncio, from pools within pools, and from an iterator that rows are taken from."""

import asyncio
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from reference_index import make_index, random_codes

import bitindex as bi

pytestmark = pytest.mark.once

N_ROWS = 6000


def filled_index(kind):
    index = make_index(kind, 64)
    codes = np.unique(random_codes(np.random.default_rng(0), N_ROWS, 64), axis=0)
    index.add(codes)
    return index, codes


def test_asyncio_offloads_searches(kind):
    index, codes = filled_index(kind)

    async def main():
        searches = [asyncio.to_thread(index.search, code, 1, threads=2) for code in codes[:80]]
        found = await asyncio.gather(*searches)
        assert [ids.item() for _, ids in found] == list(range(80))

    asyncio.run(main())


def test_a_cancelled_task_leaves_a_usable_index(kind):
    index, codes = filled_index(kind)

    async def main():
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(2) as pool:
            tasks = [loop.run_in_executor(pool, index.search, codes, 20) for _ in range(6)]
            added = loop.run_in_executor(pool, index.add, codes[:50])
            await asyncio.sleep(0.01)
            for task in tasks:
                task.cancel()
            assert len(await added) == 50
            for task in tasks:
                with pytest.raises(asyncio.CancelledError):
                    await task

    asyncio.run(main())
    assert index.remove(range(len(codes), len(codes) + 50)) == 50
    assert index.search(codes[:20], 1)[1][:, 0].tolist() == list(range(20))


def nearest_in_threads(path, rows):
    """Search in a pool of threads, each with threads of its own."""
    index = bi.load(path, mmap=True)
    codes = index.get(rows)
    with ThreadPoolExecutor(3) as pool:
        found = pool.map(lambda code: index.search(code, 1, threads=3)[1].item(), codes)
        return list(found)


@pytest.mark.forks_beside_threads
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_threads_in_processes_share_a_file(method, tmp_path):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} on {sys.platform}")
    path = tmp_path / "index.bitx"
    index, codes = filled_index("flat")
    index.save(path)
    index.search(codes, 1, threads=3)  # so that there are threads, which a forked process has not
    parts = np.arange(60).reshape(3, 20)
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        found = pool.map(nearest_in_threads, [path] * 3, parts, timeout=60)
        np.testing.assert_array_equal(list(found), parts)


def test_an_index_is_searched_by_what_it_takes_rows_from():
    rows = np.random.default_rng(0).standard_normal((500, 32), dtype=np.float32)
    index = bi.EmbeddingIndex(bi.SignBinarizer().fit(np.eye(32)), rescore="float32")
    index.add(rows[:100])

    def those_not_found():
        for row in rows[50:]:
            scores, _ = index.search(row, 1)
            if scores[0, 0] < 0.999:
                yield row[np.newaxis]

    assert index.add(those_not_found()).tolist() == list(range(100, 500))
