"""What a correction of the clinical tables concerns: the hash that the conversion is kept by changes with no label."""

import subprocess
import sys

import pandas as pd
import pytest

from ldae.cohort.adni.names import CHOICE_COLUMNS, DIAGNOSES, MAYO, MERGE, META, QUALITY, TABLE_COLUMNS
from ldae.cohort.adni.selection import selection_tables
from ldae.cohort.adni.table_hash import hash_choice, hash_content_of_tables
from ldae.cohort.adni.tables import hash_tables, read_tables
from ldae.cohort.adni.timeline import place_visits
from tests.adni_download import image_row, visit_row, write_tables

A, B, ABSENT = "011_S_0021", "012_S_0345", "013_S_0007"
HERE = [A, B]
# Another usable value of every column that says something of the person.
HARMLESS = {
    "AGE": "61.5",
    "DX": "Dementia",
    "DX_bl": "EMCI",
    "PTGENDER": "Male",
    "EXAMDATE_bl": "2010-03-04",
    "SITE": "99",
    "APOE4": "2",
    "PTEDUCAT": "9",
    "MMSE_bl": "11",
    "PTAU": "",
}
SENSELESS = {"AGE": "", "DX": "dead", "DX_bl": "SCD", "PTGENDER": "X", "EXAMDATE_bl": "2010-02-30", "APOE4": "x"}
TODAY = {MERGE: MERGE, META: "LDAE_All_Images", QUALITY: "MRIPROT", MAYO: MAYO, DIAGNOSES: "DXSUM"}
IMAGE_COLUMNS = {
    "SubjectID": "subject_id",
    "Visit": "VISCODE2",
    "ScanDate": "image_date",
    "Orig/Proc": "image_type",
    "Sequence": "image_description",
    "ImageUID": "image_id",
}
DECIDING = {"EXAMDATE": "2010-03-09", "VISCODE": "m06", "COLPROT": "ADNI2", "ORIGPROT": "ADNI2", "RID": "77"}


@pytest.fixture(params=["legacy", "loni2024"])
def clinical(tmp_path, request):
    """The tables of three subjects, one of them not on disk, under the old or today's names."""
    visits = [visit_row(ptid) for ptid in (A, B, ABSENT)] + [visit_row(A, "m12", "2011-03-01", DX="MCI")]
    images = [image_row(ptid, number) for ptid, number in ((A, 10), (B, 20), (ABSENT, 30))]
    folder = tmp_path / "clinical"
    write_tables(folder, visits, images)
    for ptid, series in ((A, "S510"), (B, "S520")):
        append(folder / f"{QUALITY}.csv", [str(int(ptid[-4:])), series, "1"])
    append(folder / f"{MAYO}.csv", ["21", "I10", "T1", "1", "1"])
    if request.param == "loni2024":
        for name, today in TODAY.items():
            table = pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)
            (folder / f"{name}.csv").unlink()
            if name == META:
                table = table.assign(Visit="sc").rename(columns=IMAGE_COLUMNS)[list(IMAGE_COLUMNS.values())]
                table = pd.concat([table, table.assign(image_description="Axial T2-FLAIR", image_id="8")])
            table.to_csv(folder / f"{today}_21Nov2025.csv", index=False)
    return folder


def append(path, values):
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[len(table)] = values
    table.to_csv(path, index=False)


def file_of(folder, name):
    names = {MERGE: "ADNIMERGE", META: "MPRAGEMETA|All_Images", QUALITY: "MRIQUALITY|MRIPROT", MAYO: "MAYO"}
    (path,) = [path for path in folder.iterdir() if any(part in path.name for part in names[name].split("|"))]
    return path


def change(folder, name, column, value, row=1):
    """Set one cell; the row may be given by the value of another column."""
    path = file_of(folder, name)
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    before = table.loc[row, column]
    table.loc[row, column] = value
    table.to_csv(path, index=False)
    assert before != value, "nothing was changed"
    return before


@pytest.mark.parametrize("column", HARMLESS)
def test_another_usable_label_changes_nothing_but_the_content(clinical, column):
    choice, content = hash_choice(clinical, HERE), hash_content_of_tables(clinical)
    change(clinical, MERGE, column, HARMLESS[column] or "5")
    assert hash_choice(clinical, HERE) == choice
    assert hash_content_of_tables(clinical) != content


@pytest.mark.parametrize("column", SENSELESS)
def test_a_label_that_makes_no_sense_changes_nothing_but_the_content(clinical, column):
    choice, content = hash_choice(clinical, HERE), hash_content_of_tables(clinical)
    change(clinical, MERGE, column, SENSELESS[column])
    assert hash_choice(clinical, HERE) == choice
    assert hash_content_of_tables(clinical) != content


@pytest.mark.parametrize("values", [{"VISCODE": "y1"}, {"EXAMDATE": ""}, {"EXAMDATE": "2031-03-01"}])
def test_the_baseline_counts_where_a_visit_cannot_be_told_without_it(clinical, values):
    for column, value in values.items():
        change(clinical, MERGE, column, value)
    seen = hash_choice(clinical, HERE)
    change(clinical, MERGE, "EXAMDATE_bl", "2010-03-04")
    assert hash_choice(clinical, HERE) != seen


def test_a_date_that_puts_the_day_first_concerns_everybody(clinical):
    """For no date of the column is then read as month/day/year."""
    change(clinical, MERGE, "EXAMDATE", "3/1/2010", row=0)
    seen = hash_choice(clinical, [A])
    change(clinical, MERGE, "EXAMDATE", "13/1/2010", row=2)  # ABSENT
    assert hash_choice(clinical, [A]) != seen


@pytest.mark.parametrize("column", DECIDING)
def test_what_decides_the_choice_changes_it(clinical, column):
    seen = hash_choice(clinical, HERE)
    change(clinical, MERGE, column, DECIDING[column])
    assert hash_choice(clinical, HERE) != seen


def test_images_and_quality_marks_change_it(clinical):
    seen = [hash_choice(clinical, HERE)]
    change(clinical, QUALITY, "PASS", "0", row=0)
    seen.append(hash_choice(clinical, HERE))
    change(clinical, MAYO, "series_quality", "4", row=0)
    seen.append(hash_choice(clinical, HERE))
    table = pd.read_csv(file_of(clinical, META), nrows=0)
    for legacy, today in (("Sequence", "image_description"), ("ScanDate", "image_date"), ("ImageUID", "image_id")):
        column = legacy if legacy in table else today
        value = {"Sequence": "MP-RAGE REPEAT", "ScanDate": "2010-04-05", "ImageUID": "99"}[legacy]
        change(clinical, META, column, value)
        seen.append(hash_choice(clinical, HERE))
    assert len(set(seen)) == len(seen)


def test_only_the_subjects_that_are_asked_for_count(clinical):
    both, other = hash_choice(clinical, HERE), hash_choice(clinical, [A])
    change(clinical, MERGE, "EXAMDATE", "2010-03-09", row=2)  # ABSENT
    assert hash_choice(clinical, HERE) == both
    change(clinical, MERGE, "EXAMDATE", "2010-03-09", row=1)  # B
    assert hash_choice(clinical, HERE) != both
    assert hash_choice(clinical, [A]) == other
    assert hash_choice(clinical, HERE) == hash_choice(clinical, HERE[::-1]) != hash_choice(clinical, [A])


def test_an_image_that_is_listed_for_two_subjects_counts_for_both(clinical):
    column = "ImageUID" if "ImageUID" in pd.read_csv(file_of(clinical, META), nrows=0) else "image_id"
    other = "SubjectID" if column == "ImageUID" else "subject_id"
    change(clinical, META, column, "10", row=2)  # ABSENT's is now A's too
    seen = hash_choice(clinical, [A])
    change(clinical, META, other, "014_S_0008", row=2)
    assert hash_choice(clinical, [A]) != seen


def test_files_columns_and_tables_that_conversion_does_not_read_count_nothing(clinical):
    choice, content = hash_choice(clinical, HERE), hash_content_of_tables(clinical)
    (clinical / "NEUROBAT.csv").write_text("RID,SCORE\n21,3\n")
    assert hash_content_of_tables(clinical) == content
    (diagnoses,) = clinical.glob("DXSUM*.csv")
    append(diagnoses, pd.read_csv(diagnoses, dtype=str).iloc[0].fillna("").tolist())
    path = file_of(clinical, MERGE)
    table = pd.read_csv(path, dtype=str, keep_default_na=False).assign(ADAS13="17")
    path.unlink()
    table.to_csv(clinical / "ADNIMERGE_22Nov2025.csv", index=False, quoting=1, lineterminator="\r\n")
    assert hash_choice(clinical, HERE) == choice
    assert hash_content_of_tables(clinical) != content


def test_doubled_absent_and_unreadable_tables_change_it_without_an_error(clinical):
    path = file_of(clinical, MERGE)
    seen, text = [hash_choice(clinical, HERE)], path.read_bytes()
    for content in (b"\xff\xfe\x00" + text, text + b"\xff", b"", text.replace(b"EXAMDATE,", b"EXAM_DAY,")):
        path.write_bytes(content)
        seen.append(hash_choice(clinical, HERE))
    path.write_bytes(text)
    (clinical / "ADNIMERGE_2.csv").write_bytes(text)
    copy = clinical / "more" / path.name
    copy.parent.mkdir()
    copy.write_bytes(text)
    seen.append(hash_choice(clinical, HERE))
    copy.unlink(), path.unlink()
    seen.append(hash_choice(clinical, HERE))
    assert len(set(seen)) == len(seen)
    with pytest.raises(FileNotFoundError) as raised:
        hash_choice(clinical / "absent", HERE)
    assert raised.value.filename == str(clinical / "absent")


def test_it_changes_whenever_the_tables_of_the_choice_do(clinical):
    """Against what the conversion itself takes: every cell of every table that is read, one at a time."""

    def taken():
        tables = read_tables(clinical)
        taken = {}
        for ptid in HERE:
            own = tables.of_subject(ptid)
            meta = own[META].drop(columns="StudyID")
            scans = meta.rename(columns={"ScanDate": "scan_date", "Visit": "visit", "Sequence": "sequence"}).to_dict(
                "records"
            )
            own[MERGE] = place_visits(ptid, own[MERGE], scans)
            taken[ptid] = hash_tables(selection_tables(own) | {META: meta})
        return taken

    before, seen = taken(), {ptid: hash_choice(clinical, [ptid]) for ptid in HERE}
    changed = 0
    for name in (MERGE, META, QUALITY, MAYO):
        path = file_of(clinical, name)
        text, table = path.read_bytes(), pd.read_csv(path, dtype=str, keep_default_na=False)
        for row in range(2):
            for column in table:
                edited = table.copy()
                edited.loc[row, column] = "2012-12-12" if "DATE" in column.upper() else "3"
                edited.to_csv(path, index=False)
                after = taken()
                for ptid in HERE:
                    if after[ptid] != before[ptid]:
                        changed += 1
                        assert hash_choice(clinical, [ptid]) != seen[ptid], (name, row, column, ptid)
        path.write_bytes(text)
    assert changed >= 20


def test_every_choice_column_is_a_column_of_its_table():
    for name, columns in CHOICE_COLUMNS.items():
        assert set(columns) <= {*TABLE_COLUMNS[name], "PTID"}, name
        assert not set(columns) & set(SENSELESS)


def test_what_the_snakefile_imports_needs_no_pandas():
    modules = "cohort.adni.table_hash, ldae.cohort.disk, ldae.cohort.bids.layout, ldae.cohort.shards"
    script = f"import sys; sys.modules['pandas'] = sys.modules['clinica'] = None; import ldae.{modules}"
    subprocess.run([sys.executable, "-c", script], check=True)
