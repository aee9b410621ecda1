"""Results as Markdown: one function for each benchmark, from its JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from common import Spread, ratio_text

Document = dict[str, Any]


def rescoring_section(document: Document) -> str:
    arguments = document["arguments"]
    rows = [
        (
            str(row["k"]),
            row["oversample"],
            f"{row['recall']:.3f}",
            *(f"{row['rescored'][figure]:,.0f}" for figure in ("mean", "median", "95 %")),
            f"{row['rate']['median']:,.0f}",
        )
        for row in document["results"]
    ]
    headers = ("k", "oversample", "recall", "rows rescored", "median", "95 %", "queries/s")
    return (
        f"**What rescoring takes**: {arguments['queries']} queries at once, one thread, "
        f"{arguments['documents']:,} documents, signs with "
        f"{arguments['rescore']}\nvectors; the number of rows fixed, or found for each query.\n\n"
        + markdown_table(headers, rows)
    )


def flat_section(document: Document) -> str:
    arguments, results = document["arguments"], document["results"]
    means = results["geometric_means"]
    peers = list(means[0]["ratios"])
    headers, rows = ["bits"], []
    for mean in means:
        headers += [f"{threads_text(mean['threads'])}: M codes/s", *(f"times {n}" for n in peers)]
    for n_bits in dict.fromkeys(row["n_bits"] for row in results["rows"]):
        cells = [f"{n_bits:,}"]
        for row in results["rows"]:
            if row["n_bits"] == n_bits:
                cells.append(f"{row['rates']['bitindex']['median']:,.0f}")
                cells += ratio_cells(row["ratios"], peers)
        rows.append(cells)
    last = ["geometric mean"]
    for mean in means:
        last += ["", *ratio_cells(mean["ratios"], peers)]
    versions = document["peers"]
    packages = [
        f"{package} {versions[package]} ({call})"
        for package, call in (
            ("faiss-cpu", "`IndexBinaryFlat`"),
            ("usearch", "`search(..., exact=True)`"),
        )
        if package in versions
    ]
    return (
        f"**How fast codes are scanned**: exact Hamming search of {arguments['queries']} queries "
        f"at once, the {arguments['k']} nearest of\n{arguments['codes']:,} random codes, beside "
        f"{' and '.join(packages)}.\n\n" + markdown_table(headers, [*rows, last])
    )


def memory_section(document: Document) -> str:
    rows = [
        (
            f"{row['codes']:,} of {row['n_bits']:,} bits",
            str(row["threads"]),
            f"{row['rates']['bitindex']['median']:.1f}",
            f"{row['rates']['read']['median']:.1f}",
            *(ratio_text(row["ratios"]["read"], 2), *ratio_cells(row["ratios"], ["faiss"])),
        )
        for row in document["results"]["rows"]
    ]
    growth = document["results"]["growth"]
    times = ", ".join(
        f"{ratio_text(row['ratio'], 2)} on {threads_text(row['threads'])}" for row in growth
    )
    return (
        "**One query alone** is bound by memory. Beside it, in the same turns: the fastest of "
        "NumPy's reductions over the\nsame codes, in as many threads, and faiss.\n\n"
        + markdown_table(
            ("codes", "threads", "GB/s", "reading alone", "of reading", "times faiss"), rows
        )
        + f"\n\nTime is linear in the codes: among {growth[0]['many']:,} of {growth[0]['n_bits']} "
        f"bits, one takes as long as among {growth[0]['few']:,}\ntimes {times}."
    )


def sets_section(document: Document) -> str:
    arguments = document["arguments"]
    peers = [name for name in ("FPSim2", "RDKit") if name in _all_ratios(document["results"])]
    rows = [
        (
            f"top {arguments['k']}" if row["search"] == "top" else f">= {arguments['similarity']}",
            str(arguments["batch"] if row["mode"] == "batch" else 1),
            str(row["threads"]),
            f"{row['rates']['bitindex']['median']:,.0f}",
            *ratio_cells(row["ratios"], peers),
        )
        for row in document["results"]
    ]
    if arguments["fingerprints"] == "drawn":
        source = "drawn at random with the bit frequencies of Morgan fingerprints"
    else:
        source = f"multiplied from {arguments['distinct']:,} of {arguments['fingerprints']}"
    return (
        f"**Tanimoto**: exact search over {arguments['codes']:,} fingerprints of 2,048 bits,\n"
        f"{source}, in the order of their popcounts\n"
        f'(`sort_by="popcount"`), beside {peer_versions(document)}, one query at a time.\n\n'
        + markdown_table(
            ("search", "queries", "threads", "M codes/s", *(f"times {name}" for name in peers)),
            rows,
        )
    )


def tables_section(document: Document) -> str:
    arguments = document["arguments"]
    rows = []
    for row in document["results"]:
        for name, ratios in row["ratios"].items():
            rows.append(
                (
                    f"{row['n_bits']:,}",
                    "2 bits a dimension" if name == "sdc2" else name,
                    f"{row['bytes'][name]:,}",
                    f"{row['rates'][name]['median']:,.0f}",
                    *ratio_cells(ratios, ["faiss PQ", "faiss RaBitQ"]),
                )
            )
    return (
        f"**Table scans** on one thread: {arguments['queries']} queries, {arguments['codes']:,} "
        f"codes, beside the FastScan indexes of\n{peer_versions(document)} that hold as many "
        "bits (RaBitQ 8 bytes more); other quantizers, so only times compare.\n\n"
        + markdown_table(
            ("bits", "codes", "bytes", "queries/s", "times PQ", "times RaBitQ"),
            rows,
        )
    )


def shapes_section(document: Document) -> str:
    arguments, results = document["arguments"], document["results"]
    plain = results[0]["search"]
    shapes = list(dict.fromkeys((row["mode"], row["threads"]) for row in results))
    headers = [
        "search",
        *(
            f"{queries}, {threads_text(threads)}"
            for mode, threads in shapes
            for queries in [f"{arguments['batch']} queries" if mode == "batch" else "one query"]
        ),
    ]
    rows = [
        (name, *(ratio_text(row["cost"], 2) for row in results if row["search"] == name))
        for name in dict.fromkeys(row["search"] for row in results)
        if name != plain
    ]
    return (
        f"**What a search costs** over the {arguments['k']} nearest of all: "
        f"{arguments['codes']:,} codes of {arguments['n_bits']} bits; filters by an array of ids,\n"
        f"a mask or a range that allow a share of the codes; a radius of {arguments['radius']}.\n\n"
        + markdown_table(headers, rows)
    )


def machine_line(documents: Sequence[Document]) -> str:
    turns = min(d["arguments"]["turns"] for d in documents if "turns" in d["arguments"])
    return (
        "Peers run in turns in the same process, and results are compared first. Ratios: median of "
        f"at least {turns} turns (range).\n{machine_text(documents[-1])}\nRatios carry over to "
        "other machines better than rates do; `make bench` gives yours."
    )


def machine_text(document: Document) -> str:
    machine = document["machine"]
    return (
        f"One machine: {machine['cpu']}, {machine['cpus']} CPUs, "
        f"{machine['isa']['chosen']}, {machine['compiler']}, Python {machine['python']}, "
        f"NumPy {machine['numpy']}; {document['date']}."
    )


def roofline_table(document: Document) -> str:
    rows = [
        (
            row["method"],
            f"{row['n_bits']:,}",
            str(row["n_queries"]),
            *(
                f"{row[figure]:.2f}" if figure in row else ""
                for figure in ("instructions", "selection", "shared", "cycles")
            ),
            f"{row['instructions'] / row['cycles']:.1f}",
            f"{row['n_bits'] / 8 / row['cycles']:.1f}",
        )
        for row in document["results"]
    ]
    headers = ("method", "bits", "queries", "instructions", "selection", "shared", "cycles")
    machine = document["machine"]
    return (
        markdown_table((*headers, "instructions a cycle", "bytes a cycle"), rows)
        + f"\n\n{machine['cpu']}, {machine['isa']['chosen']}, {machine['compiler']}; "
        f"{document['date']}."
    )


SECTIONS: dict[str, Callable[[Document], str]] = {
    "rescoring": rescoring_section,
    "search_flat": flat_section,
    "search_memory": memory_section,
    "search_sets": sets_section,
    "search_tables": tables_section,
    "search_shapes": shapes_section,
}


def markdown_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose first column is text and whose others are numbers."""
    alignment = ["---"] + ["---:"] * (len(headers) - 1)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headers, alignment, *rows))


def ratio_cells(ratios: Mapping[str, Spread], peers: Sequence[str]) -> list[str]:
    """Return a cell for each peer, empty where it did not take part."""
    return [ratio_text(ratios[name]) if name in ratios else "" for name in peers]


def threads_text(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


def peer_versions(document: Document) -> str:
    return " and ".join(f"{name} {version}" for name, version in document["peers"].items())


def _all_ratios(rows: Sequence[Document]) -> set[str]:
    return {name for row in rows for name in row["ratios"]}
