"""The socket on which the page or the server listens."""

import socket

from clearbg.errors import SettingsError

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        port: 0 takes any free one.

    Raises:
        SettingsError: the address or the port cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingsError(
            f"Port {port} of {host} cannot be used ({error.strerror or error}): choose another."
        ) from error


def address(listener: socket.socket, host: str) -> str:
    """The address that a browser takes, such as http://127.0.0.1:7860."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}"
