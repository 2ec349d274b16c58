"""Bars: whole at the end, in units a second, and for terminals alone."""

import io
import sys

from tqdm import tqdm

from clearbg.system.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_bar_ends_at_all_of_it_within_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    assert list(progress(range(3), what="remove", unit="images", total=3)) == [0, 1, 2]
    last = terminal.getvalue().rstrip("\n").rpartition("\r")[2]
    assert last.startswith("remove: 100%|") and "3/3 images" in last
    assert len(last) < 80


def test_slow_work_is_told_in_units_a_second(monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with progress(what="train", unit="steps", total=9) as bar:
        bar.update()
        bar.start_t -= 100
        bar.refresh()
    assert "steps/s" in terminal.getvalue() and "s/ steps" not in terminal.getvalue()


def test_log_file_is_spared_the_bar(monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    for _ in progress(range(3), what="remove", unit="images", total=3):
        tqdm.write("said", log)
    assert log.getvalue() == "said\n" * 3
