"""The tasks and figures of the paper's probes, on ADNI.

There the positive class is CN; precision, recall, F1 and balanced accuracy are these figures solved for AD as the
positive class.
"""

from ldae.config import names

AD_VS_CN, AGE = "AD vs CN", "age"
AD_VS_CN_METRICS = ("accuracy", "balanced_accuracy", "precision", "recall", "sensitivity", "f1", "roc_auc")
AGE_METRICS = ("mae", "rmse")
PAPER = {
    (encoder, task, metric): value
    for encoder, task, metrics, values in (
        (names.LDAE, AD_VS_CN, AD_VS_CN_METRICS, (0.8365, 0.807, 0.813, 0.704, 0.704, 0.755, 0.8948)),
        (names.DAE, AD_VS_CN, AD_VS_CN_METRICS, (0.7468, 0.705, 0.676, 0.560, 0.560, 0.613, 0.7800)),
        (names.SUPERVISED["ad_cn"], AD_VS_CN, AD_VS_CN_METRICS, (0.8464, 0.840, 0.812, 0.805, 0.805, 0.809, 0.9067)),
        (names.LDAE, AGE, AGE_METRICS, (4.16, 5.23)),
        (names.DAE, AGE, AGE_METRICS, (4.93, 6.11)),
        (names.SUPERVISED["age"], AGE, AGE_METRICS, (4.34, 4.63)),
    )
    for metric, value in zip(metrics, values, strict=True)
}
PAPER_NOTES = {
    names.SUPERVISED["ad_cn"]: "paper: on another test set",
    names.SUPERVISED["age"]: "paper: on another test set, its RMSE a mean over batches",
}
