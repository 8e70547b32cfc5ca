"""What is kept of a subject's last conversion, and what of it can be used again."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from ldae.files import hash_content, read_record, write_record


@dataclass(frozen=True)
class EarlierConversion:
    """The record of a conversion; an absent or unreadable one is empty.

    Attributes
    ----------
    state : path
        Its file.
    key : str
        Of everything that decided it.
    ends : dict
        How each image ended, by image ID.
    sizes : dict
        Bytes of each converted volume, by its path.
    images : dict
        Hash of each image's row in the inventory, files included, by image ID.
    """

    state: Path
    key: str = ""
    ends: dict[str, dict] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, state: Path) -> EarlierConversion:
        """The record in a file."""
        record = read_record(state) or {}
        whole = all(isinstance(record.get(name), dict) for name in ("ends", "sizes", "images"))
        return cls(state, **record) if whole and set(record) == {"key", "ends", "sizes", "images"} else cls(state)

    def ends_of(self, key: str) -> dict[str, dict] | None:
        """How each image ended, if the inputs are the same and all volumes are still there."""
        return self.ends if self.key == key and all(map(self._is_whole, self.sizes)) else None

    def keep(self, ends: dict[str, dict], images: list[dict], made: Path) -> dict[str, dict]:
        """Images that failed now and were converted from the same files before: their sessions go into `made` as well.

        Returns
        -------
        dict
            How these ended, with the reason why they are the earlier ones.
        """
        kept = {}
        for image in images:
            name = image["image_id"]
            before = self.ends.get(name, {})
            same = before.get("status") == "converted" and self.images.get(name) == hash_content(image)
            if ends[name]["status"] != "failed" or not same or not self._is_whole(before["path"]):
                continue
            session = Path(before["path"]).parents[1]
            if not (made / session.name).exists():
                shutil.copytree(session, made / session.name)
                kept[name] = before | {"reason": f"kept from an earlier conversion; now: {ends[name]['reason']}"}
        return kept

    def replace(self, key: str, ends: dict[str, dict], images: list[dict], *, final: bool) -> None:
        """Record how each image ended now; unless that is `final`, the next run converts again."""
        sizes = {end["path"]: Path(end["path"]).stat().st_size for end in ends.values() if end["path"]}
        hashes = {image["image_id"]: hash_content(image) for image in images}
        if final or sizes:
            write_record(self.state, {"key": key if final else "", "ends": ends, "sizes": sizes, "images": hashes})
        else:
            self.state.unlink(missing_ok=True)

    def _is_whole(self, path: str) -> bool:
        return Path(path).is_file() and Path(path).stat().st_size == self.sizes.get(path)
