"""The table of probes held against what is known: the published figures, and the phantom's own anatomy."""

import numpy as np
import pandas as pd
import pytest

from ldae.config.evaluation import BootstrapConfig, ProbesConfig
from ldae.config.load import load_config
from ldae.config.names import DAE, LDAE, SUPERVISED
from ldae.data.split import split_subjects
from ldae.evaluation.features.embeddings import Embeddings
from ldae.evaluation.tables.downstream import evaluate_encoders
from ldae.evaluation.tables.published_probes import AD_VS_CN, AGE, PAPER
from ldae.phantom.people import draw_cohort
from tests.unit.sources import ROOT

PROBES = ProbesConfig(c_grid=[0.01, 0.1, 1.0, 10.0], alpha_grid=[0.1, 1.0, 10.0, 100.0], redraws=3)
ONCE = PROBES.model_copy(update={"redraws": 0})
BOOTSTRAP = BootstrapConfig(draws=300, confidence=0.95)
SEED = 3
SUPERVISED_AD_CN, SUPERVISED_AGE = SUPERVISED["ad_cn"], SUPERVISED["age"]


def rows(table: pd.DataFrame, **wanted: str) -> pd.DataFrame:
    wanted = {"scans": "all", "encoder": LDAE} | wanted
    return table[(table[list(wanted)] == pd.Series(wanted)).all(axis=1)].set_index("metric")


def constant(embeddings: Embeddings) -> Embeddings:
    return Embeddings(np.zeros((len(embeddings.table), 1)), embeddings.table, ("nothing",))


@pytest.mark.parametrize(
    "encoder, accuracy, precision_cn, recall_cn, f1_cn",
    [
        (LDAE, 0.8365, 0.8469, 0.9102, 0.8774),
        (DAE, 0.7468, 0.7768, 0.8504, 0.8119),
        (SUPERVISED_AD_CN, 0.8464, 0.8690, 0.8743, 0.8716),
    ],
)
def test_the_paper_figures_are_the_published_ones_seen_from_ad(encoder, accuracy, precision_cn, recall_cn, f1_cn):
    """Accuracy, precision and recall of CN fix the share of CN, and with it AD's own figures."""
    assert f1_cn == pytest.approx(2 * precision_cn * recall_cn / (precision_cn + recall_cn), abs=0.0002)
    false_cn = recall_cn * (1 / precision_cn - 1)  # AD called CN, per CN scan
    cn = (1 - accuracy) / (1 - recall_cn + false_cn)
    ad_found, ad_missed, cn_missed = 1 - cn - false_cn * cn, false_cn * cn, (1 - recall_cn) * cn
    recall, precision = ad_found / (ad_found + ad_missed), ad_found / (ad_found + cn_missed)
    paper = {metric: value for (name, task, metric), value in PAPER.items() if (name, task) == (encoder, AD_VS_CN)}
    assert paper["accuracy"] == accuracy
    assert paper["recall"] == paper["sensitivity"] == pytest.approx(recall, abs=0.002)
    assert paper["precision"] == pytest.approx(precision, abs=0.002)
    assert paper["f1"] == pytest.approx(2 * precision * recall / (precision + recall), abs=0.002)
    assert paper["balanced_accuracy"] == pytest.approx((recall + recall_cn) / 2, abs=0.002)


def test_the_phantoms_true_ventricles_give_its_ceiling():
    """The fabricated cohort allows an AUC of about .95, and age better than the mean's, from the ventricles alone."""
    config = load_config(ROOT / "config.yaml")
    scans = [
        (subject.label, visit, subject.sex[0])
        for subject in draw_cohort(config.phantom.model_copy(update={"subjects": 400}), config.seed)
        for visit in subject.visits[:1]
    ]
    table = pd.DataFrame(
        {
            "subject": [label for label, _, _ in scans],
            "session": "M000",
            "diagnosis": [visit.diagnosis for _, visit, _ in scans],
            "sex": [sex for _, _, sex in scans],
            "age": [visit.age for _, visit, _ in scans],
            "months": 0.0,
            "progression": "",
            "field_strength": "",
        }
    )
    table["split"] = table["subject"].map(
        split_subjects(table[["subject", "diagnosis"]], config.split, seed=config.seed)
    )
    ventricles = np.array([[visit.anatomy.ventricle_mm] for _, visit, _ in scans])
    truth = Embeddings(ventricles, table, ("ventricles",))
    found, _ = evaluate_encoders({LDAE: truth, "mean": constant(truth)}, PROBES, BOOTSTRAP, SEED)
    assert 0.91 < rows(found, task=AD_VS_CN).value["roc_auc"] < 0.99
    assert rows(found, task=AGE, encoder="mean").difference_low["mae"] > 0
