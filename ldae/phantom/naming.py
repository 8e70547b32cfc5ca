"""The phantom's clinical tables under the names and in the columns that LONI has given since October 2024."""

from __future__ import annotations

import pandas as pd

DOWNLOADED = "_21Nov2025"
IMAGE_COLUMNS = {
    "SubjectID": "subject_id",
    "VISCODE2": "VISCODE2",
    "ScanDate": "image_date",
    "Orig/Proc": "image_type",
    "Sequence": "image_description",
    "ImageUID": "image_id",
    "StudyID": "study_id",
}
ADNI4_PTID, ADNI4_RID, ADNI4_IMAGE = "002_S_10001", 10001, 900_001
ADNI4_DAY = "2024-05-14"


def rename_tables(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Give the legacy tables today's names and columns.

    Parameters
    ----------
    tables : dict
        As `tables.build_tables` makes them.

    Returns
    -------
    dict
        File stem, with the day of the download, to table. The list of images has visit codes instead of names and
        neither series IDs nor field strengths, and lists a FLAIR beside each original scan. The tables also hold a
        subject of ADNI4 and an ADNI4 visit of an earlier subject, both without images on disk.
    """
    merge, diagnoses = tables["ADNIMERGE"], tables["DXSUM_PDXCONV_ADNIALL"]
    veteran = merge[merge["ORIGPROT"] == "ADNI3"].iloc[:1]
    new = {"PTID": ADNI4_PTID, "RID": ADNI4_RID}
    late = {"COLPROT": "ADNI4", "EXAMDATE": ADNI4_DAY}
    merge_rows = [
        veteran.assign(**late, VISCODE="m84"),
        veteran.assign(**new, **late, ORIGPROT="ADNI4", EXAMDATE_bl=ADNI4_DAY, VISCODE="bl"),
    ]
    of_veteran = diagnoses[diagnoses["PTID"].isin(veteran["PTID"])].iloc[:1]
    late = {"Phase": "ADNI4", "VISCODE": "4_bl", "VISCODE2": "m84", "EXAMDATE": ADNI4_DAY}
    diagnosis_rows = [of_veteran.assign(**late), of_veteran.assign(**late | {"VISCODE2": "bl"}, **new)]
    genotype = tables["APOERES"].iloc[:1].assign(Phase="ADNI4", **new)
    renamed = {
        "ADNIMERGE": pd.concat([merge, *merge_rows]),
        "LDAE_All_Images": _list_images(tables["MPRAGEMETA"], merge, [*veteran["PTID"], ADNI4_PTID]),
        "MRIPROT": tables["MRIQUALITY"].rename(columns={"VISCODE": "VISCODE2"}),
        "MAYOADIRL_MRI_IMAGEQC_05_07_15": tables["MAYOADIRL_MRI_IMAGEQC_05_07_15"],
        "APOERES": _join_alleles(pd.concat([tables["APOERES"], genotype])),
        "DXSUM": pd.concat([diagnoses, *diagnosis_rows]).rename(columns={"Phase": "PHASE"}),
    }
    return {name + DOWNLOADED: table for name, table in renamed.items()}


def _list_images(meta: pd.DataFrame, merge: pd.DataFrame, adni4: list[str]) -> pd.DataFrame:
    """List every image of every kind; a scan's visit is the nearest one, a screening scan's ``sc``."""
    days = pd.to_datetime(merge["EXAMDATE"])
    nearest = [
        merge.loc[(days[merge["PTID"] == row.SubjectID] - pd.Timestamp(row.ScanDate)).abs().idxmin(), "VISCODE"]
        for row in meta.itertuples()
    ]
    images = meta.assign(VISCODE2=["sc" if code == "bl" else code for code in nearest])
    flairs = images[images["Orig/Proc"] == "Original"].assign(Sequence="Axial T2-FLAIR")
    flairs = flairs.assign(ImageUID=flairs["ImageUID"] + 5)
    sequence = "Accelerated Sagittal MPRAGE (MSV21)"
    late = images.iloc[[0] * len(adni4)].assign(
        SubjectID=adni4, VISCODE2="4_bl", ScanDate=ADNI4_DAY, Sequence=sequence, **{"Orig/Proc": "Original"}
    )
    late = late.assign(ImageUID=range(ADNI4_IMAGE, ADNI4_IMAGE + len(adni4)))
    everything = pd.concat([images, flairs, late])[list(IMAGE_COLUMNS)].rename(columns=IMAGE_COLUMNS)
    return everything.replace({"image_type": {"Processed": "Pre-processed"}}).assign(modality="MRI")


def _join_alleles(genotypes: pd.DataFrame) -> pd.DataFrame:
    joined = genotypes["APGEN1"].astype(str) + "/" + genotypes["APGEN2"].astype(str)
    return genotypes.assign(GENOTYPE=joined).drop(columns=["APGEN1", "APGEN2"])
