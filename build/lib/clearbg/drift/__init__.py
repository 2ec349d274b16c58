"""Whether recent images still look like those that a model was trained on.

samples.py measures both sides, comparison.py compares them, verdict.py does both in one call, and
report.py and page.py present the result. The numbers of one image are defined in
removal/image_statistics.py, and `clearbg remove --log` writes them with removal/log.py.
"""
