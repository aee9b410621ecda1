import pytest

from bitindex.evaluate import Ratio, Throughput, compare_throughput, queries_per_second


class Machine:
    """A clock, and searches that take a known time on it."""

    def __init__(self):
        self.now = 0.0
        self.calls = []

    def clock(self):
        return self.now

    def search(self, name, seconds):
        durations = iter(seconds)

        def run(queries):
            self.calls.append((name, len(queries)))
            self.now += next(durations)

        return run


def test_rates_of_whole_batches_without_the_warmup():
    machine = Machine()
    search = machine.search("a", [100.0, 0.5, 0.25, 1.0])
    throughput = queries_per_second(search, [0] * 10, repeats=3, clock=machine.clock)
    assert throughput == Throughput((20.0, 40.0, 10.0))
    assert (throughput.median, throughput.minimum, throughput.maximum) == (20.0, 10.0, 40.0)
    assert machine.calls == [("a", 10)] * 4


def test_contestants_take_turns():
    machine = Machine()
    contestants = {
        "old": machine.search("old", [9.0, 1.0, 2.0, 4.0]),
        "new": machine.search("new", [9.0, 0.5, 0.5, 2.0]),
    }
    comparison = compare_throughput(contestants, [0] * 4, repeats=3, clock=machine.clock)
    assert [name for name, _ in machine.calls] == ["old", "new"] * 4
    assert comparison.throughputs == {
        "old": Throughput((4.0, 2.0, 1.0)),
        "new": Throughput((8.0, 8.0, 2.0)),
    }
    assert comparison.ratios == {"old": Ratio((1.0, 1.0, 1.0)), "new": Ratio((2.0, 4.0, 2.0))}
    assert str(comparison) == (
        "old  2 q/s (1-4)  1.00x (1.00-1.00)\nnew  8 q/s (2-8)  2.00x (2.00-4.00)"
    )


@pytest.mark.parametrize(
    ("runs", "text"),
    [
        ((11_900.0, 12_345.0, 12_600.0), "12,300 q/s (11,900-12,600)"),
        ((1.234, 0.5, 99.96), "1.23 q/s (0.5-100)"),
        ((2_345_678.0,), "2,350,000 q/s (2,350,000-2,350,000)"),
    ],
)
def test_throughput_reads_well(runs, text):
    assert str(Throughput(runs)) == text


def test_results_are_frozen():
    with pytest.raises(AttributeError):
        Throughput((1.0,)).runs = ()


@pytest.mark.parametrize(
    ("contestants", "queries", "more", "error", "message"),
    [
        ({}, [0], {}, ValueError, "contestants must name at least one search, got none"),
        ({"a": 3}, [0], {}, TypeError, "a must be callable, got int"),
        ({"a": len}, [], {}, ValueError, "queries must hold at least one query, got none"),
        ({"a": len}, [0], {"repeats": 0}, ValueError, "repeats must be at least 1, got 0"),
        ({"a": len}, [0], {"repeats": 2.0}, TypeError, "repeats must be an integer, got float"),
        ({"a": len}, [0], {"warmup": -1}, ValueError, "warmup must be at least 0, got -1"),
        ({"a": len}, [0], {"clock": lambda: 1.0}, RuntimeError, "take measurable time, got 0.0 s"),
    ],
)
def test_refuses(contestants, queries, more, error, message):
    with pytest.raises(error, match=message):
        compare_throughput(contestants, queries, **more)
