"""Resize or tile the training and validation splits; add mirrored copies for training.

reads   params.yaml (augment), data/ingested/
writes  data/augmented/{images,masks,manifest.csv}
"""

from pathlib import Path

from clearbg import config
from clearbg.data.augment import augment
from clearbg.system.files import replacing_folder
from clearbg.system.stage import Options, stage

SOURCE, DATA = Path("data/ingested"), Path("data/augmented")


def main() -> None:
    settings = config.load()
    with replacing_folder(DATA) as folder:
        augment(SOURCE, settings.augment, folder)


if __name__ == "__main__":
    Options(__doc__).parse_args()
    with stage("augment", f"{DATA}/"):
        main()
