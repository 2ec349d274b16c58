"""Fetch, check, normalise and split the pictures.

reads   params.yaml (data), what data.path and the source's addresses name
writes  data/ingested/{images,masks,manifest.csv}
        reports/ingest/{quarantine.csv,summary.json,contact_sheet.jpg}
"""

from pathlib import Path

from clearbg import config, places
from clearbg.atomic import replacing_folder, write_json
from clearbg.data import sources
from clearbg.data.ingest import ingest, summary, write_contact_sheet
from clearbg.stage import stage

DATA, REPORTS = Path("data/ingested"), Path("reports/ingest")


def main() -> None:
    settings = config.load()
    pairs = sources.pairs(settings.data, places.state() / "downloads")
    with replacing_folder(DATA) as folder:
        frame = ingest(pairs, settings.data, folder, REPORTS / "quarantine.csv")
        write_contact_sheet(frame, folder, REPORTS / "contact_sheet.jpg")
    write_json(REPORTS / "summary.json", summary(frame))


if __name__ == "__main__":
    with stage("ingest", f"{DATA}/", f"{REPORTS}/"):
        main()
