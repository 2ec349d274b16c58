"""Let `dvc plots show` and `dvc plots diff` draw without network, in this clone from now on.

python pipelines/plots.py

writes  .dvc/tmp/plots.html, and its name into .dvc/config.local
"""

from clearbg.system import plots_page
from clearbg.system.stage import Options, stage

if __name__ == "__main__":
    Options(__doc__).parse_args()
    with stage("plots", ".dvc/tmp/plots.html"):
        plots_page.write()
