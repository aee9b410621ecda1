"""Filters over metadata, as conditions of SQL.

A filter is a dict, all of whose items must hold. An item names a field and says what holds of it:

    {"year": 1990}                          it equals
    {"source": ["AP", "UPI"]}               it equals one of these
    {"year": {"$gte": 1990, "$lt": 2000}}   all of these operators hold
    {"author": {"name": "Rao"}}             it is an object, of whose fields this holds

or combines filters: ``{"$or": [...]}``, ``{"$and": [...]}``, ``{"$not": ...}``.

Every value comes as a parameter; of names, only fields stand in the text, in quotes, because an
expression index is used only where its expression stands as it is. A condition may be true, false
or NULL, and counts as false where it is NULL; since that is no matter to AND and OR, negation alone
must know.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from bitindex.collection.documents import as_integer, as_text
from bitindex.collection.metadata import escaped_name

Scalar = str | int | float | bool | None
Path = tuple[str, ...]

# SQLite parses expressions of 1,000 levels, of which a chain of ANDs takes one for each link, and
# a hundred parentheses within each other.
_MOST_CONDITIONS = 500
_MOST_LEVELS = 20


class Condition(NamedTuple):
    """An expression of SQL over a row of documents, and the parameters in it."""

    sql: str
    parameters: tuple[str | int, ...] = ()


_ALL = Condition("1")
_NONE = Condition("0")


def condition_of(where: object) -> Condition:
    """Return the condition that a filter means.

    Raises
    ------
    TypeError, ValueError
        If it is no filter; the message says what is known.
    """
    if _size(where, 0) > _MOST_CONDITIONS:
        raise ValueError(
            f"a filter must have at most {_MOST_CONDITIONS} conditions; $in takes more"
        )
    return _fields(where, ())


def _size(where: object, level: int) -> int:
    """Return the number of conditions in a filter."""
    if level > _MOST_LEVELS:
        raise ValueError(f"a filter must have at most {_MOST_LEVELS} levels")
    if isinstance(where, Mapping):
        return sum(_size(operand, level + 1) for operand in where.values())
    if isinstance(where, list | tuple):
        return 1 + sum(_size(each, level + 1) for each in where if isinstance(each, Mapping))
    return 1


def field_value(path: Path) -> str:
    """Return the expression for the value of a field: NULL where it is missing."""
    return f"json_extract(metadata, {_quoted(path)})"


def _field_type(path: Path) -> str:
    return f"json_type(metadata, {_quoted(path)})"


def _quoted(path: Path) -> str:
    steps = "".join(f'."{escaped_name(name)}"' for name in path)
    return "'$" + steps.replace("'", "''") + "'"


def _fields(where: object, path: Path) -> Condition:
    if not isinstance(where, Mapping):
        raise TypeError(f"a filter must be a dict, got {type(where).__name__}")
    return _both(_item(name, operand, path) for name, operand in where.items())


def _item(name: object, operand: object, path: Path) -> Condition:
    if not isinstance(name, str):
        raise TypeError(f"names of fields must be str, got {type(name).__name__}")
    if name in COMBINATIONS:
        return COMBINATIONS[name](operand, path)
    if name.startswith("$"):
        raise _unknown(name, COMBINATIONS)
    field = (*path, as_text(name, "the name of a field"))
    if isinstance(operand, Mapping):
        return _field(operand, field)
    return _in(operand, field) if isinstance(operand, list | tuple) else _equal(operand, field)


def _field(operand: Mapping[Any, Any], path: Path) -> Condition:
    """Return the condition of a dict behind a field: operators, or fields of an object."""
    operators = [name for name in operand if isinstance(name, str) and name.startswith("$")]
    if not operators and operand:
        return _fields(operand, path)
    if len(operators) < len(operand) or not operand:
        raise ValueError(
            f"{path[-1]!r} must have operators or fields behind it, got {dict(operand)!r}"
        )
    for name in operators:
        if name not in OPERATORS:
            raise _unknown(name, OPERATORS)
    return _both(OPERATORS[name](value, path) for name, value in operand.items())


def _unknown(name: str, known: Mapping[str, object]) -> ValueError:
    return ValueError(f"unknown operator {name!r}; known here are {', '.join(known)}")


def _joined(conditions: Iterable[Condition], word: str, of_none: Condition) -> Condition:
    parts = list(conditions)
    if not parts:
        return of_none
    sql = f" {word} ".join(f"({part.sql})" for part in parts)
    return Condition(sql, tuple(x for part in parts for x in part.parameters))


def _both(conditions: Iterable[Condition]) -> Condition:
    return _joined(conditions, "AND", _ALL)


def _either(conditions: Iterable[Condition]) -> Condition:
    return _joined(conditions, "OR", _NONE)


def _negated(condition: Condition) -> Condition:
    return Condition(f"({condition.sql}) IS NOT TRUE", condition.parameters)


def _equal(operand: object, path: Path) -> Condition:
    value = _scalar(operand, "a value to compare with")
    if value is None:
        return Condition(f"{_field_type(path)} = 'null'")
    return _compared("=", value, path)


def _compared(sign: str, value: str | int | float, path: Path) -> Condition:
    """Compare with a string or a number; what is of another type, or missing, does not hold."""
    field = field_value(path)
    if isinstance(value, str):
        # SQLite gives lists and objects as their text, and puts numbers before all texts.
        sql = f"{field} {sign} ? AND {_field_type(path)} = 'text'"
        return Condition(f"{sql} AND {field} >= ''" if sign in ("<", "<=") else sql, (value,))
    operand = Condition("?", (value,)) if isinstance(value, int) else _float(value)
    sql = f"{field} {sign} {operand.sql}"
    return Condition(f"{sql} AND {field} < ''" if sign in (">", ">=") else sql, operand.parameters)


def _float(value: float) -> Condition:
    # Read by SQLite, as those in metadata are: it does not promise to read the nearest number.
    return Condition("json_extract(?, '$')", (json.dumps(value),))


def _ordered(sign: str) -> Callable[[object, Path], Condition]:
    def compare(operand: object, path: Path) -> Condition:
        value = _scalar(operand, "a value to compare with")
        if value is None:
            raise TypeError(f"{path[-1]!r} must be compared with a str or a number, got None")
        return _compared(sign, value, path)

    return compare


def _in(operand: object, path: Path) -> Condition:
    values = [_scalar(value, "a value in a list") for value in _list(operand, "$in")]
    numbers = [value for value in values if isinstance(value, int | float)]
    texts = [value for value in values if isinstance(value, str)]
    conditions = []
    if numbers:
        conditions.append(_one_of(numbers, path))
    if texts:
        conditions.append(_both([_one_of(texts, path), Condition(f"{_field_type(path)} = 'text'")]))
    if None in values:
        conditions.append(_equal(None, path))
    return _either(conditions)


def _one_of(values: list[Any], path: Path) -> Condition:
    # One parameter, however many values there are.
    sql = f"{field_value(path)} IN (SELECT value FROM json_each(?))"
    return Condition(sql, (json.dumps(values, ensure_ascii=False),))


def _exists(operand: object, path: Path) -> Condition:
    if not isinstance(operand, bool):
        raise TypeError(f"$exists must be True or False, got {operand!r}")
    return Condition(f"{_field_type(path)} IS {'NOT ' if operand else ''}NULL")


def _not_field(operand: object, path: Path) -> Condition:
    if not isinstance(operand, Mapping):
        raise TypeError(f"$not must have a dict behind it, got {type(operand).__name__}")
    return _negated(_field(operand, path))


def _list(operand: object, operator: str) -> list[Any]:
    if not isinstance(operand, list | tuple | set | frozenset):
        raise TypeError(f"{operator} must have a list behind it, got {type(operand).__name__}")
    return list(operand)


def _scalar(value: object, what: str) -> Scalar:
    if isinstance(value, str):
        return as_text(value, what)
    if isinstance(value, bool | int):
        return as_integer(int(value), what)
    if value is None or (isinstance(value, float) and math.isfinite(value)):
        return value
    error = ValueError if isinstance(value, float) else TypeError
    raise error(f"{what} must be a str, a finite number, a bool or None, got {value!r}")


# THE operators on a field.
OPERATORS: dict[str, Callable[[object, Path], Condition]] = {
    "$eq": _equal,
    "$ne": lambda operand, path: _negated(_equal(operand, path)),
    "$gt": _ordered(">"),
    "$gte": _ordered(">="),
    "$lt": _ordered("<"),
    "$lte": _ordered("<="),
    "$in": _in,
    "$nin": lambda operand, path: _negated(_in(operand, path)),
    "$exists": _exists,
    "$not": _not_field,
}

# THE operators on filters.
COMBINATIONS: dict[str, Callable[[object, Path], Condition]] = {
    "$and": lambda operand, path: _both(_fields(each, path) for each in _list(operand, "$and")),
    "$or": lambda operand, path: _either(_fields(each, path) for each in _list(operand, "$or")),
    "$not": lambda operand, path: _negated(_fields(operand, path)),
}
