"""Whether a value is one that a shape of a model allows.

Values come from the readers of `wire.py` as plain Python values. Every deviation is one line that
begins with where it is: `QueueName: 81 characters, at most 80`.
"""

import base64
import binascii
import functools
import re

# Longer values are cut in messages.
SHOWN = 60


def check(shape, value, where="", requires=True):
    """The deviations of `value` from `shape`; without `requires` members may be missing."""
    found = []
    _walk(shape, value, where, requires, found)
    return found


def _walk(shape, value, where, requires, found):
    kind = shape.type_name
    if kind == "structure":
        if not getattr(shape, "is_document_type", False):
            _structure(shape, value, where, requires, found)
    elif kind == "list":
        if not isinstance(value, list):
            return _say(found, where, f"wanted a list, found {_shown(value)}")
        _length(shape, len(value), "items", where, found)
        for index, item in enumerate(value):
            _walk(shape.member, item, f"{where}[{index}]", requires, found)
    elif kind == "map":
        if not isinstance(value, dict):
            return _say(found, where, f"wanted a map, found {_shown(value)}")
        _length(shape, len(value), "entries", where, found)
        for key, item in value.items():
            _walk(shape.key, key, f"{where}.(key)", requires, found)
            _walk(shape.value, item, f"{where}.{key}", requires, found)
    elif kind in ("string", "character"):
        _string(shape, value, where, found)
    elif kind in ("integer", "long", "short", "byte", "float", "double"):
        _number(shape, kind, value, where, found)
    elif kind == "boolean":
        if not isinstance(value, bool):
            _say(found, where, f"wanted true or false, found {_shown(value)}")
    elif kind == "blob":
        _blob(shape, value, where, found)
    elif kind == "timestamp":
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            _say(found, where, f"wanted a time, found {_shown(value)}")


def _structure(shape, value, where, requires, found):
    if not isinstance(value, dict):
        return _say(found, where, f"wanted a structure, found {_shown(value)}")
    given = {}
    for name, item in value.items():
        if name not in shape.members:
            _say(found, _join(where, name), "no such member")
        elif item is not None:
            given[name] = item
    if requires:
        for name in shape.required_members:
            if name not in given:
                _say(found, _join(where, name), "required, and missing")
    if getattr(shape, "is_tagged_union", False) and len(given) != 1:
        _say(found, where, f"wanted one member of the union, found {len(given)}")
    for name, item in given.items():
        _walk(shape.members[name], item, _join(where, name), requires, found)


def _string(shape, value, where, found):
    if not isinstance(value, str):
        return _say(found, where, f"wanted a string, found {_shown(value)}")
    _length(shape, len(value), "characters", where, found)
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        _say(found, where, f"{_shown(value)} is none of {', '.join(allowed[:6])}")
    pattern = shape.metadata.get("pattern")
    compiled = pattern and _compiled(pattern)
    if compiled and not compiled.fullmatch(value):
        _say(found, where, f"{_shown(value)} does not match {pattern}")


def _number(shape, kind, value, where, found):
    whole = kind not in ("float", "double")
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        return _say(found, where, f"wanted a number ({kind}), found {_shown(value)}")
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and value < least:
        _say(found, where, f"{value}, at least {least}")
    if most is not None and value > most:
        _say(found, where, f"{value}, at most {most}")


def _blob(shape, value, where, found):
    if isinstance(value, str):
        try:
            value = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return _say(found, where, f"wanted base64, found {_shown(value)}")
    if not isinstance(value, bytes):
        return _say(found, where, f"wanted bytes, found {_shown(value)}")
    _length(shape, len(value), "bytes", where, found)


def _length(shape, length, unit, where, found):
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and length < least:
        _say(found, where, f"{length} {unit}, at least {least}")
    if most is not None and length > most:
        _say(found, where, f"{length} {unit}, at most {most}")


@functools.lru_cache(maxsize=None)
def _compiled(pattern):
    """The models' patterns are Java's, and mean the whole value. None where Python has no equal."""
    python = pattern.replace(r"\p{L}", r"\w").replace(r"\p{N}", r"\d").replace(r"\p{Z}", r"\s")
    # `-` after a class of characters is itself.
    python = python.replace(r"\w-", r"\w\-")
    try:
        return re.compile(python)
    except re.error:
        return None


def _join(where, name):
    return f"{where}.{name}" if where else name


def _shown(value):
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _say(found, where, what):
    found.append(f"{where or 'it'}: {what}")
