"""``bitindex tune``: which recipe suits the embeddings of a file."""

from __future__ import annotations

import argparse
import json

from bitindex.binarize import BINARIZERS
from bitindex.cli.command import Command, CommandError
from bitindex.embeddings import embedding_batches
from bitindex.index import EMBEDDING_KINDS
from bitindex.similarity import SIMILARITIES
from bitindex.tuning import tune
from bitindex.tuning.plot import check_plot, save_plot


def _run(arguments: argparse.Namespace) -> None:
    if arguments.plot is not None:
        _check_plot(arguments.plot)
    for file in (arguments.file, arguments.queries):
        if file is not None:
            _check_embeddings(file)
    result = tune(
        arguments.file,
        arguments.target_recall,
        arguments.k,
        arguments.budget_bytes,
        queries=arguments.queries,
        similarity=arguments.similarity,
        binarizers=arguments.binarizer,
        kinds=arguments.kind,
        n_sample=arguments.n_sample,
    )
    print(json.dumps(result.to_dict(), indent=2) if arguments.json else result)
    if arguments.plot is not None:
        save_plot(result, arguments.plot)


def _check_plot(path: str) -> None:
    try:
        check_plot(path)
    except ImportError as error:
        raise CommandError(
            f'--plot needs matplotlib ({error}): pip install "bitindex[docs]"'
        ) from error


def _check_embeddings(file: str) -> None:
    try:
        next(embedding_batches(file))
    except TypeError as error:
        raise CommandError(f"{file}: {error}") from error


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="embeddings, a .npy file of floats, (n, d)")
    parser.add_argument(
        "--target-recall",
        type=float,
        default=0.95,
        metavar="R",
        help="share of the true nearest to find (default: %(default)s)",
    )
    parser.add_argument(
        "--k", type=int, default=10, metavar="K", help="results a query (default: %(default)s)"
    )
    parser.add_argument(
        "--budget-bytes", type=int, metavar="B", help="most bytes a vector may take"
    )
    parser.add_argument(
        "--similarity",
        choices=tuple(SIMILARITIES),
        default="cosine",
        help="what searches rank by (default: %(default)s)",
    )
    parser.add_argument(
        "--queries",
        metavar="FILE",
        help="queries, a .npy file of floats (default: rows held out of the embeddings)",
    )
    parser.add_argument(
        "--binarizer",
        action="append",
        choices=tuple(BINARIZERS),
        help="try this one; may be given several times (default: all that need no PyTorch)",
    )
    parser.add_argument(
        "--kind",
        action="append",
        choices=tuple(EMBEDDING_KINDS),
        help="try this kind of index with the best recipe, beside flat; may be given several times "
        "(default: all)",
    )
    parser.add_argument(
        "--n-sample",
        type=int,
        default=20_000,
        metavar="N",
        help="most rows to search and to train on; more take longer and tell more "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--plot", metavar="PICTURE", help="draw bytes against recall; needs matplotlib"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object with all that was tried"
    )


COMMAND = Command(
    summary="find the binarizer, bits and rescoring that suit your embeddings",
    description="Try binarizers, bits, rescoring and oversampling on a sample of your embeddings,\n"
    "and print the most recall for every number of bytes, and the code of the recipe\n"
    "with the fewest bytes that reaches a recall. Takes about a minute.",
    examples="examples:\n"
    "  bitindex tune embeddings.npy\n"
    "  bitindex tune embeddings.npy --queries questions.npy --target-recall 0.98\n"
    "  bitindex tune embeddings.npy --budget-bytes 64 --plot tuned.png",
    add_arguments=_add_arguments,
    run=_run,
)
