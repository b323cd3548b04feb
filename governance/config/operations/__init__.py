"""How the installation itself is doing: the page and API of its health, and its metrics."""
