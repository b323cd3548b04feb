"""Counts in the cache that end by themselves: how often something happened within a time."""

from django.core.cache import cache


def count(key: str, seconds: int) -> int:
    """Add one to a count that ends ``seconds`` after its first, and return it.

    Raises:
        redis.exceptions.RedisError: the cache does not answer.
    """
    cache.add(key, 0, timeout=seconds)
    try:
        return int(cache.incr(key))
    except ValueError:  # it ended between the two
        cache.add(key, 1, timeout=seconds)
        return 1
