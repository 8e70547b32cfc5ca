"""What ADNI calls things: its tables and their columns, subjects, visits."""

from __future__ import annotations

PTID = r"\d{3}_S_\d{4}"
VISCODE = r"bl|m\d{2,3}"
DAYS_PER_MONTH = 365.25 / 12

MERGE, META, QUALITY = "ADNIMERGE", "MPRAGEMETA", "MRIQUALITY"
MAYO, APOE, DIAGNOSES = "MAYOADIRL_MRI_IMAGEQC_05_07_15", "APOERES", "DXSUM_PDXCONV_ADNIALL"

TABLE_COLUMNS = {
    MERGE: [
        *("RID", "COLPROT", "ORIGPROT", "PTID", "SITE", "VISCODE", "EXAMDATE", "EXAMDATE_bl", "DX_bl", "DX"),
        *("AGE", "PTGENDER", "PTEDUCAT", "PTETHCAT", "PTMARRY", "APOE4", "PIB", "AV45", "ABETA", "PTAU"),
        *("ADAS11_bl", "ADAS13_bl", "ADASQ4_bl", "MMSE_bl", "RAVLT_immediate_bl", "TRABSCOR_bl"),
        *("mPACCdigit_bl", "mPACCtrailsB_bl", "MOCA_bl"),
    ],
    META: ["SubjectID", "Orig/Proc", "Visit", "MagStrength", "Sequence", "ScanDate", "StudyID", "SeriesID", "ImageUID"],
    QUALITY: ["RID", "LONIUID", "PASS"],
    MAYO: ["RID", "loni_image", "series_type", "series_selected", "series_quality"],
    APOE: ["RID"],
    DIAGNOSES: ["PTID", "VISCODE2", "DIAGNOSIS"],
}
# Without these no image of a table is found, and no visit; what the others lack costs a label or a mark.
NEEDED_COLUMNS = {MERGE: ["PTID"], META: ["SubjectID", "Sequence", "ImageUID"]}
# What the choice of images takes from the tables.
CHOICE_COLUMNS = {
    MERGE: ["RID", "PTID", "VISCODE", "EXAMDATE", "ORIGPROT", "COLPROT"],
    META: [column for column in TABLE_COLUMNS[META] if column != "StudyID"],
    QUALITY: [*TABLE_COLUMNS[QUALITY], "PTID"],
    MAYO: [*TABLE_COLUMNS[MAYO], "PTID"],
}
KEYS = {MERGE: "PTID", META: "SubjectID", QUALITY: "RID", MAYO: "RID", APOE: "RID", DIAGNOSES: "PTID"}


def label_of(ptid: str) -> str:
    """BIDS label of a subject code.

    Examples
    --------
    >>> label_of("011_S_4102")
    'ADNI011S4102'
    """
    return "ADNI" + ptid.replace("_", "")


def ptid_of(label: str) -> str:
    """The subject code of a BIDS label.

    Examples
    --------
    >>> ptid_of("ADNI011S4102")
    '011_S_4102'
    """
    site, _, number = label.removeprefix("ADNI").partition("S")
    return f"{site}_S_{number}"


def rid_of(ptid: str) -> str:
    """ADNI's roster ID: the number at the end of a subject code, without leading zeros.

    Examples
    --------
    >>> rid_of("011_S_0021")
    '21'
    """
    return str(int(ptid.rsplit("_", 1)[1]))


def months_of(viscode: str) -> int:
    """Months since baseline of a visit code.

    Examples
    --------
    >>> months_of("bl"), months_of("m06")
    (0, 6)
    """
    return 0 if viscode == "bl" else int(viscode[1:])


def session_of(viscode: str) -> str:
    """BIDS session label of a visit code.

    Examples
    --------
    >>> session_of("m12")
    'M012'
    """
    return f"M{months_of(viscode):03d}"


def nominal_field(tesla: float) -> float:
    """The nominal field strength, 1.5 or 3 tesla, of a measured one (MPRAGEMETA also gives 1.494 and 2.894)."""
    return min((1.5, 3.0), key=lambda nominal: abs(nominal - tesla))
