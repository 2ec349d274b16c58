"""Fetch, check, normalize and split the images.

python pipelines/ingest.py [--from FILE ...]: FILE is an archive that was downloaded by hand.

reads   params.yaml (data), what data.path and the source's addresses name
writes  data/ingested/{images,masks,manifest.csv}
        reports/ingest/{quarantine.csv,summary.json,contact_sheet.jpg}
"""

from pathlib import Path

from clearbg import config
from clearbg.data import sources
from clearbg.data.ingest.cache import Cache
from clearbg.data.ingest.ingest import ingest, summary, write_contact_sheet
from clearbg.data.sources.archives import fetch_archives
from clearbg.system import project
from clearbg.system.files import replacing_folder, write_json
from clearbg.system.stage import Options, stage

DATA, REPORTS = Path("data/ingested"), Path("reports/ingest")


def main(by_hand: list[Path]) -> None:
    settings, downloads = config.load(), project.state() / "downloads"
    if by_hand:
        fetch_archives(settings.data, downloads, by_hand)
    pairs = sources.pairs(settings.data, downloads)
    with replacing_folder(DATA) as folder:
        cache = Cache(project.state() / "ingested")
        frame = ingest(pairs, settings.data, folder, REPORTS / "quarantine.csv", cache)
        write_contact_sheet(frame, folder, REPORTS / "contact_sheet.jpg")
    write_json(REPORTS / "summary.json", summary(frame))


def files() -> list[Path]:
    """What follows --from, before the stage changes the folder."""
    parser = Options(__doc__)
    parser.add_argument("--from", dest="files", nargs="+", type=Path, default=[], metavar="FILE")
    return [file.absolute() for file in parser.parse_args().files]


if __name__ == "__main__":
    by_hand = files()
    with stage("ingest", f"{DATA}/", f"{REPORTS}/"):
        main(by_hand)
