"""The server of `clearbg serve`: removal for other programs over HTTP."""
