"""Is a DICOM series T1-weighted? The rule, from a few header elements."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

CONTRAST_ELEMENTS = [
    *("ImageType", "ScanningSequence", "EchoTime", "InversionTime", "RepetitionTime", "DiffusionBValue"),
    *("SeriesDescription", "ProtocolName"),
]
LONGEST_ECHO_MS = 15.0  # ADNI's MPRAGE and IR-SPGR: 2 to 5; T2*: 20; T2 and FLAIR: above 80
LONGEST_INVERSION_MS = 1500.0  # ADNI's MPRAGE and IR-SPGR: 400 to 1000; FLAIR: above 2000
LONGEST_SPIN_ECHO_REPETITION_MS = 1500.0
OTHER_WORDS = (
    r"flair|t2|t2w|pd|dti|dwi|adc|diffusion|fmri|bold|rest|resting|asl|pasl|pcasl|perfusion|epi|"
    r"local[iz]+er|loc|scout|survey|field|fieldmap|mapping|calibration|hippo\w*"
)
T1_WORDS = r"t1\w*|mprage|rage|spgr|fspgr|tfe|bravo"


def other_contrast(find: Callable) -> str:
    """Why a series is not T1-weighted; empty if nothing speaks against it.

    Numbers decide. The description counts only where there is no EchoTime: descriptions of T1-weighted series are
    known to say T2 (aramis-lab/clinica pull request #930). A b-value of 0 means nothing: scanners write it into other
    series too (rordenlab/dcm2niix issue #393).

    Parameters
    ----------
    find : ``find(element, convert, default)`` gives a header element
    """
    kind, sequence = find("ImageType", _words, set()), find("ScanningSequence", _words, set())
    echo_ms, inversion_ms = find("EchoTime", float, 0.0), find("InversionTime", float, 0.0)
    repetition_ms, b_value = find("RepetitionTime", float, 0.0), find("DiffusionBValue", float, 0.0)
    rules = [
        ("LOCALIZER" in kind, "a localiser (ImageType)"),
        ("EP" in sequence, "echo-planar (ScanningSequence), as functional and diffusion series are"),
        (b_value > 0 or "DIFFUSION" in kind, "a diffusion series (DiffusionBValue, ImageType)"),
        (kind & {"P", "PHASE", "PHASE MAP"} and "M" not in kind, "a phase image (ImageType)"),
        (
            echo_ms > LONGEST_ECHO_MS,
            f"not T1-weighted: EchoTime {echo_ms:g} ms, T1-weighted series have at most {LONGEST_ECHO_MS:g}",
        ),
        (
            inversion_ms > LONGEST_INVERSION_MS,
            f"not T1-weighted: InversionTime {inversion_ms:g} ms, as FLAIR has",
        ),
        (
            "SE" in sequence
            and "GR" not in sequence
            and not inversion_ms
            and repetition_ms > LONGEST_SPIN_ECHO_REPETITION_MS,
            f"not T1-weighted: a spin echo (ScanningSequence) with RepetitionTime {repetition_ms:g} ms, as PD has",
        ),
        (not echo_ms and _describes_another(find), "not T1-weighted by its SeriesDescription or ProtocolName"),
    ]
    return next((reason for holds, reason in rules if holds), "")


def _words(value: str | Iterable) -> set[str]:
    values = value.split("\\") if isinstance(value, str) else value
    return {str(word).strip().upper() for word in values}


def _describes_another(find: Callable) -> bool:
    text = f"{find('SeriesDescription', str, '')} {find('ProtocolName', str, '')}".lower()
    words = re.split(r"[^a-z0-9]+", text)
    named = [any(re.fullmatch(pattern, word) for word in words) for pattern in (OTHER_WORDS, T1_WORDS)]
    return named == [True, False]
