"""The real page under hostile requests and loads: nothing of another visitor is lost."""

import contextlib
import json
import os
import random
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from support.models import brightness_model
from support.page import Server, answer_of, begin_upload, form, get, part, photo

pytestmark = pytest.mark.slow

ROOM = 20_000_000
FILE = 900_000
OTHERS, ATTACKER = "127.0.0.2", "127.0.0.1"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "exports").mkdir()
    model = brightness_model(folder / "exports/model.onnx")
    command = [sys.executable, "-m", "clearbg", "demo", "--port", "0", "--model", str(model),
               "--megabytes", "1", "--images", "4", "--gigabytes", str(ROOM / 1e9)]  # fmt: skip
    served = Server(folder, command, folder)
    yield served
    served.end()


class Watch:
    """Notes the most bytes that lie in the server's folder at a time."""

    def __init__(self, folder: Path):
        self.most, self._folder, self._ended = 0, folder, threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        while not self._ended.wait(0.02):
            held = 0
            for parent, _, names in os.walk(self._folder):
                for name in names:
                    with contextlib.suppress(OSError):  # removed meanwhile
                        held += os.stat(os.path.join(parent, name)).st_size
            self.most = max(self.most, held)

    def end(self) -> int:
        self._ended.set()
        self._thread.join()
        return self.most


def begin(server: Server, content: bytes, length: int, source: str = ATTACKER):
    return begin_upload(int(server.url.rsplit(":", 1)[1]), content, length, source)


def sent(server: Server, body: bytes, source: str = ATTACKER) -> tuple[int, str]:
    with begin(server, body, len(body), source) as opened:
        try:
            return answer_of(opened)
        except ConnectionError:
            return 0, ""


def hostile(random_numbers: random.Random) -> dict:
    """A request that no browser sends."""
    values = ["x", -1, 10**30, None, [], {}, {"path": "/etc/passwd"}, {"path": 7}, True, 0.5]
    names = ["data", "fn_index", "session_hash", "event_id", "trigger_id", "event_data", "x"]
    routes = ["queue/join", "call/remove", "call/batch", "call/v2/remove", "call/-1", "cancel",
              "reset", "upload", "run/remove", "component_server"]  # fmt: skip
    picked = random_numbers.sample(names, random_numbers.randrange(1, 5))
    body = {name: random_numbers.choice(values) for name in picked}
    if random_numbers.random() < 0.5:
        body["data"] = [random_numbers.choice(values) for _ in range(random_numbers.randrange(9))]
    content = json.dumps(body).encode()
    kind = random_numbers.randrange(4)
    if kind == 1:
        content = content[: random_numbers.randrange(len(content))]
    elif kind == 2:
        content = content.replace(b"x", b"\xff")
    method = random_numbers.choice(["POST"] * 8 + ["PUT", "GET", "DELETE"])
    headers = {} if random_numbers.random() < 0.9 else {"x-forwarded-host": "evil.example"}
    return {
        "method": method, "url": f"/gradio_api/{random_numbers.choice(routes)}",
        "content": content, "headers": headers,
    }  # fmt: skip


def test_500_hostile_requests_are_answered_without_a_traceback(server):
    random_numbers, statuses = random.Random(0), set()
    with httpx.Client(base_url=server.url, timeout=120) as client:
        for _ in range(500):
            statuses.add(client.request(**hostile(random_numbers)).status_code)
        assert client.get("/").status_code == 200
        assert "no such event" in client.get("/gradio_api/call/remove/none").text
    assert 500 not in statuses and {400, 404, 421, 422} <= statuses
    assert "Traceback" not in server.log.read_text()


WHOLE = form(bytes(FILE))
LOADS = {  # what is sent, its announced length, how often
    "announced alone": (b"", 4_000_000, 60),
    "announced above the limit": (b"", 500_000_000, 20),
    "held before the end": (WHOLE[:-10], len(WHOLE), 60),
    "held in the middle": (WHOLE[: FILE // 2], len(WHOLE), 60),
    "held in the head of a part": (WHOLE[:30], len(WHOLE), 60),
    "whole files": (WHOLE, len(WHOLE), 40),
    "several files": (form(*[bytes(FILE)] * 4), 4 * len(WHOLE), 6),
    "files above the limit": (form(bytes(1_000_001)), 1_000_200, 10),
    "empty files": (part(b"") * 900 + b"--b--\r\n", 900 * len(part(b"")) + 7, 6),
    "fields": (part(bytes(FILE), filename=None), 4_000_000, 20),
    "parts that are no files": (part(bytes(FILE), "other") + b"--b--\r\n", 900_500, 20),
    "no form": (bytes(FILE), FILE, 20),
}


def test_loads_lose_nothing_of_others_and_stay_within_the_room(server):
    images = [json.loads(sent(server, form(photo(index)), OTHERS)[1])[0] for index in range(2)]
    folder = next(server.temporary.glob("clearbg-page-*"))
    watch = Watch(folder)
    for name, (content, length, times) in LOADS.items():
        with contextlib.ExitStack() as stack:
            for _ in range(times):
                with contextlib.suppress(ConnectionError):
                    stack.enter_context(begin(server, content, length))
            time.sleep(0.1)
            status, answer = sent(server, form(photo(2)), OTHERS)
            assert status == 200, f"{name}: {answer}"
            images.append(json.loads(answer)[0])
    most = watch.end()
    assert 0.6 * ROOM < most < 1.05 * ROOM
    for path in images:
        got = get(f"{server.url}/gradio_api/file={path}")
        assert got.status_code == 200 and len(got.content) > 1000
    assert "Traceback" not in server.log.read_text()
