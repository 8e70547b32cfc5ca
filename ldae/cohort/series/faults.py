"""Why an image cannot be used, as an exception that names the cure."""

from __future__ import annotations

AGAIN = "download the image again"
NOT_WANTED = "none: only T1-weighted volumes of the whole head are used"
PARTIAL = "none if this is no whole head; if it is one, download the image again"


class BrokenSeries(Exception):
    """Why an image cannot be converted; `cure` says what to do about it."""

    def __init__(self, reason: str, cure: str = AGAIN) -> None:
        super().__init__(reason)
        self.cure = cure


class OtherImage(BrokenSeries):
    """Why an image, sound as it may be, is not the T1-weighted volume of a head."""

    def __init__(self, reason: str, cure: str = NOT_WANTED) -> None:
        super().__init__(reason, cure)
