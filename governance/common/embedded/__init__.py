"""PostgreSQL, Valkey and every process of Placet on one machine, with nothing installed but Python.

For tests: ``ensure_servers(var) -> env`` (shared PostgreSQL and Valkey) and ``Stack(var=..., processes=[...])``.
For people: ``python -m governance.common.embedded up``. No Django is imported here.
"""

from governance.common.embedded.layout import EmbeddedError
from governance.common.embedded.on_demand import ensure_servers, release
from governance.common.embedded.stack import Stack, servers

Servers = servers

__all__ = ["EmbeddedError", "Servers", "Stack", "ensure_servers", "release", "servers"]
