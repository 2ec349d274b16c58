"""Runs the server until a signal ends it."""

import time
from collections.abc import Callable, Collection
from types import FrameType

import uvicorn

from clearbg.page import server as page_server
from clearbg.page.limits import Limits as PageLimits
from clearbg.page.models import ModelChoices
from clearbg.pretrained.choice import Choice, shipped
from clearbg.removal.remover import Device, Remover
from clearbg.serving.api import PAGE, application
from clearbg.serving.limits import Limits
from clearbg.serving.metrics import Metrics
from clearbg.serving.removals import Removals
from clearbg.system import memory, signals
from clearbg.web.connections import options
from clearbg.web.listening import LOCAL_HOSTS, address, listen

DRAINING = 30.0
"""Seconds in which removals that were taken have to be finished after a signal."""


def serve(
    choice: Choice,
    limits: Limits,
    device: Device = "cpu",
    host: str = "127.0.0.1",
    port: int = 7000,
    say: Callable[[str], None] = print,
    allowed_hosts: Collection[str] = (),
    page_limits: PageLimits | None = None,
    login: tuple[str, str] | None = None,
) -> None:
    """Serve a model until the process is interrupted or terminated; what runs then is finished.

    Args:
        port: port to listen on; 0 takes any free one.
        say: called with sentences for the person who started the server.
        allowed_hosts: names under which clients may call the server besides the address `host`,
            and of websites whose pages may call it; "*" allows all.
        page_limits: those of the page for a browser; None: the server has no page.
        login: the name and password that the page asks for; None: it asks for no login.

    Raises:
        SettingsError: the address, the port or the device cannot be used.
        ModelError: the model cannot be opened.
    """
    memory.keep_freed()
    metrics = Metrics()
    removals = Removals(lambda: Remover(choice.file, device=device, images="many"), limits, metrics)
    with signals.exit_at_sigterm(), listen(host, port) as listener:
        page = page_of(choice, removals, page_limits, login) if page_limits else None
        if host not in LOCAL_HOSTS:
            say("Everybody who reaches this computer can use the server.")
        if page and login:
            say("The page asks for a login; /remove and /api/remove ask for none.")
        if page:
            say(f"The page: {address(listener, host)}{PAGE}/")
        say(f"The server: {address(listener, host)} (Ctrl+C ends it)")
        app = application(removals, limits, metrics, choice.name, host, allowed_hosts, page)
        server = _Server(options(app), removals)
        server.run(sockets=[listener])
    if removals.failure is not None:
        raise removals.failure
    left = removals.running + removals.waiting
    unfinished = f"{left} were left unfinished" if left else "none was left unfinished"
    say(f"The server has stopped after {metrics.removals} removals; {unfinished}.")


def page_of(
    choice: Choice, removals: Removals, limits: PageLimits, login: tuple[str, str] | None
) -> page_server.Page:
    """The page with the server's own model, which is in memory once and needs no file any more."""
    named = choice.name in shipped()
    models = ModelChoices(
        [] if named else [choice.file],
        shipped=[choice.name] if named else [],
        shared=removals.shared,
    )
    return page_server.build(models, limits, login, PAGE)


class _Server(uvicorn.Server):
    """Finishes what was taken before it ends; after a second signal only what runs."""

    def __init__(self, config: uvicorn.Config, removals: Removals):
        super().__init__(config)
        self._removals, self._end = removals, 0.0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        again, now = self._removals.stopping, time.monotonic()
        self._end = now if again else now + DRAINING
        self._removals.stop()

    async def on_tick(self, counter: int) -> bool:
        removals = self._removals
        drained = removals.running == 0 or time.monotonic() > self._end
        if removals.failure is not None or (removals.stopping and drained):
            return True
        return await super().on_tick(counter)
