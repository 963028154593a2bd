"""Carry what landed by a short run, then run the whole path; print what was published before and by each, by hash."""

from __future__ import annotations

import json
import time

from orchestration.hotpath import HotPath
from orchestration.instance import prepare_instance
from orchestration.pipeline import Runs
from orchestration.publishing import current_publication
from orchestration.resources import Platform
from orchestration.settings import Settings


def published(platform: Platform) -> dict[str, str]:
    """Return the hash of every file of the publication that readers see."""
    folder = platform.settings.published / str(current_publication(platform.settings.published))
    return {
        mart: about["sha256"] for mart, about in json.loads((folder / "manifest.json").read_text()).items()
    }


def main() -> None:
    settings = Settings.from_environment()
    prepare_instance(settings)
    platform = Platform(settings)
    time.sleep(1.1)  # a file counts once it has stopped changing
    told = [published(platform)]
    assert HotPath(platform).carry(), "nothing waited"
    told.append(published(platform))
    with platform.warehouse.lock():
        Runs(platform).carry()
    told.append(published(platform))
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
