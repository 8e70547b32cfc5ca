"""How well test scans are rebuilt: by LDAE from the encoded z_T, from y_sem alone, and by AutoencoderKL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from ldae.data.batches import scan_batches
from ldae.errors import UserError
from ldae.evaluation.features.embeddings import Embeddings
from ldae.evaluation.measure.metrics import mse, ssim
from ldae.files import hash_content

AUTOENCODER, LDAE_MODEL = "AutoencoderKL", "LDAE"
ENCODED, SEMANTIC, OTHER = "encoded z_T", "y_sem only", "another subject's y_sem"
EXAMPLES = {"scan": None, "autoencoder": "", "ldae": ENCODED, "y_sem_only": SEMANTIC}  # volume in the figure: its start
SCAN = ["subject", "session"]
METRICS = ("ssim", "mse", "lpips")
KEYS = ["model", "start", "solver", "steps"]


@dataclass(frozen=True)
class Rebuilt:
    """A batch of scans (B, 1, D, H, W) rebuilt in one way; z_T_std is the spread of each scan's encoded z_T, (B,)."""

    model: str
    start: str
    solver: str
    steps: int | None
    scans: torch.Tensor
    z_T_std: torch.Tensor | None = None


@dataclass(frozen=True)
class Plan:
    """How test scans are rebuilt.

    Parameters
    ----------
    steps : sequence of int
        Sampler steps T of the table.
    compared_steps : int
        T of the figure and of the rows from another subject's y_sem; done as well if not in `steps`.
    solver : {"2m", "ddim"}
        Sampler.
    seed : int
        Seed of z_T ~ N(0, I), together with the scan's name: a scan's noise does not depend on its batch.
    """

    steps: Sequence[int]
    compared_steps: int
    solver: str
    seed: int


def reconstruct(
    ldae,
    dataset: pd.DataFrame,
    embeddings: Embeddings,
    plan: Plan,
    *,
    batch_size: int,
    examples: int,
    lpips: Callable | None,
    note: str,
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Rebuild every test scan in every way and measure it.

    Parameters
    ----------
    ldae : ldae.systems.ldae.LDAE
        The trained model.
    dataset, embeddings : DataFrame, Embeddings
        The dataset table, of which only test scans are used, and y_sem of the same scans.
    plan : Plan
        Steps, solver and seed.
    batch_size, examples : int
        Scans a batch; scans kept whole for the figure, a subject each.
    lpips, note : callable or None, str
        LPIPS of two batches, or None and the reason, which goes into the column `note`.

    Returns
    -------
    DataFrame
        A row a scan and setting: subject, session, diagnosis, model, start, solver, steps, ssim, mse, lpips, z_T_std,
        note. The rows "another subject's y_sem" start from the same noise as "y_sem only".
    dict
        Volumes (examples, D, H, W) float32 scan, autoencoder, ldae, y_sem_only; subject, session, diagnosis.
    """
    test = dataset[dataset["split"] == "test"].reset_index(drop=True)
    if test.empty:
        raise UserError("results/dataset.csv", "test scans", "none", "use more subjects or raise split.test_fraction")
    own, other = semantic_codes(test, embeddings)
    shown = choose_examples(test, examples)
    records, kept = [], {name: {} for name in EXAMPLES}
    for rows, scans in scan_batches(test, batch_size, "reconstruction"):
        at = torch.from_numpy(rows.index.to_numpy())
        codes = own[at], None if other is None else other[at]
        kept["scan"] |= _select(rows, scans, shown)
        for rebuilt in _rebuild(ldae, scans, rows, codes, plan):
            records += _measure(rows, scans, rebuilt, lpips)
            for name, start in EXAMPLES.items():
                if rebuilt.start == start and rebuilt.steps in (None, plan.compared_steps):
                    kept[name] |= _select(rows, rebuilt.scans, shown)
    table = pd.DataFrame(records).astype({"steps": "Int64"}).assign(note=note)
    volumes = {name: np.stack([volume_of[i] for i in shown]) for name, volume_of in kept.items()}
    labels = {name: test.loc[shown, name].to_numpy(dtype=str) for name in ("subject", "session", "diagnosis")}
    return table.sort_values(["subject", "session"], kind="stable", ignore_index=True), volumes | labels


def _select(rows: pd.DataFrame, scans: torch.Tensor, shown: list[int]) -> dict[int, np.ndarray]:
    return {i: scan.numpy() for i, scan in zip(rows.index, scans[:, 0], strict=True) if i in shown}


def semantic_codes(test: pd.DataFrame, embeddings: Embeddings) -> tuple[torch.Tensor, torch.Tensor | None]:
    """y_sem (scans, dim) of each test scan, and of the first scan of the next test subject (None if there is no other).

    Raises
    ------
    UserError
        The embeddings are of other scans.
    """
    position = embeddings.table.reset_index(names="row").set_index(SCAN)["row"]
    row = position.reindex(pd.MultiIndex.from_frame(test[SCAN]))
    if row.isna().any():
        found = "no row for " + " ".join(row.index[row.isna()][0])
        raise UserError(
            "results/embeddings/ldae.npz", "the scans of dataset.csv", found, "run the rule embeddings again"
        )
    own = torch.from_numpy(embeddings.features[row.to_numpy(dtype=int)])
    first = test.reset_index(names="row").groupby("subject")["row"].first()
    if len(first) < 2:
        return own, None
    following = pd.Series(np.roll(first, -1), index=first.index)
    return own, own[torch.from_numpy(following[test["subject"]].to_numpy())]


def choose_examples(test: pd.DataFrame, count: int) -> list[int]:
    """Rows for the figure: the first scan of `count` subjects at most, diagnoses taking turns."""
    firsts = test.drop_duplicates("subject")
    turn = firsts.groupby("diagnosis").cumcount()
    return sorted(firsts.assign(turn=turn).sort_values(["turn", "diagnosis"], kind="stable").index[:count])


def scan_noise(rows: pd.DataFrame, shape: torch.Size, seed: int) -> torch.Tensor:
    """z_T ~ N(0, I) (B, C, D, H, W), each scan's own by (seed, subject, session)."""
    noise = []
    for subject, session in zip(rows["subject"], rows["session"], strict=True):
        generator = torch.Generator().manual_seed(int(hash_content([seed, subject, session])[:15], 16))
        noise.append(torch.randn(shape[1:], generator=generator))
    return torch.stack(noise)


def _rebuild(
    ldae,
    scans: torch.Tensor,
    rows: pd.DataFrame,
    codes: tuple[torch.Tensor, torch.Tensor | None],
    plan: Plan,
) -> Iterator[Rebuilt]:
    def decode(z_T: torch.Tensor, y_sem: torch.Tensor, steps: int) -> torch.Tensor:
        return ldae.decode_image(ldae.decode_stochastic(z_T, y_sem, steps, plan.solver)).float().cpu()

    z_0 = ldae.encode_image(scans)
    y_sem, y_other = (None if code is None else code.to(z_0.device) for code in codes)
    noise = scan_noise(rows, z_0.shape, plan.seed).to(z_0.device)
    yield Rebuilt(AUTOENCODER, "", "", None, ldae.decode_image(z_0).float().cpu())
    for steps in sorted({*plan.steps, plan.compared_steps}):
        z_T = ldae.encode_stochastic(z_0, y_sem, steps, plan.solver)
        spread = z_T.float().flatten(1).std(1).cpu()
        yield Rebuilt(LDAE_MODEL, ENCODED, plan.solver, steps, decode(z_T, y_sem, steps), spread)
        yield Rebuilt(LDAE_MODEL, SEMANTIC, plan.solver, steps, decode(noise, y_sem, steps))
        if steps == plan.compared_steps and y_other is not None:
            yield Rebuilt(LDAE_MODEL, OTHER, plan.solver, steps, decode(noise, y_other, steps))


def _measure(rows: pd.DataFrame, scans: torch.Tensor, rebuilt: Rebuilt, lpips: Callable | None) -> list[dict]:
    unknown = torch.full((len(rows),), torch.nan)
    columns = {
        "ssim": ssim(rebuilt.scans, scans),
        "mse": mse(rebuilt.scans, scans),
        "lpips": unknown if lpips is None else lpips(rebuilt.scans, scans),
        "z_T_std": unknown if rebuilt.z_T_std is None else rebuilt.z_T_std,
    }
    table = rows[["subject", "session", "diagnosis"]].assign(**{key: getattr(rebuilt, key) for key in KEYS})
    return table.assign(**{name: values.numpy() for name, values in columns.items()}).to_dict("records")
