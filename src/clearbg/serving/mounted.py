"""Two ASGI applications at one address."""

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class Mounted:
    """An ASGI application with another one below a path, each of which sees its own requests alone.

    Args:
        app: gets all that is not below the path, and the lifespan.
        inner: gets what is below the path, with addresses that begin after it.
        path: such as "/page".
    """

    def __init__(self, app: ASGIApp, inner: ASGIApp, path: str):
        self._app, self._inner, self._path = app, inner, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")  # a lifespan has none
        if path == self._path:
            beside = path.rpartition("/")[2] + "/"  # relative: a proxy may have a path of its own
            query = scope["query_string"].decode("latin-1")
            await RedirectResponse(f"{beside}?{query}" if query else beside)(scope, receive, send)
        elif path.startswith(self._path + "/"):
            raw = scope.get("raw_path") or path.encode()
            below = {
                "path": path.removeprefix(self._path),
                "raw_path": raw.removeprefix(self._path.encode()),
            }
            await self._inner({**scope, **below}, receive, send)
        else:
            await self._app(scope, receive, send)
