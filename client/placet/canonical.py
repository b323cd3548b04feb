"""Write canonical JSON (RFC 8785), which ``placet.verify`` reads: each value has one spelling, and so one digest."""

import json
from typing import Any


def canonical_json(value: Any) -> bytes:
    """Return the RFC 8785 bytes of ``value``; ValueError for floats, integers from 2^53 on, and what is not Unicode."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda k: k.encode("utf-16-be"))
        return b"{" + b",".join(canonical_json(k) + b":" + canonical_json(value[k]) for k in keys) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical_json, value)) + b"]"
    if type(value) is float or (type(value) is int and abs(value) >= 2**53):
        raise ValueError(f"{value} is no integer below 2^53; write it as a text")
    return json.dumps(value, ensure_ascii=False).encode()
