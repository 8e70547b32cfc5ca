"""How well test scans are rebuilt: by LDAE from the encoded z_T, from y_sem alone, and by AutoencoderKL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ldae.config import names
from ldae.config.load import Config
from ldae.data.labels import join_labels, read_dataset
from ldae.data.scans import SCAN_KEY, read_scans
from ldae.data.volumes import next_subjects_scan, read_images
from ldae.diffusion.samplers import Solver
from ldae.errors import UserError
from ldae.evaluation.arrays import write_arrays
from ldae.evaluation.features.embeddings import Embeddings, read_embeddings
from ldae.evaluation.measure.lpips import Lpips, load_lpips
from ldae.evaluation.measure.metrics import PUBLISHED_WINDOW, mse, ssim
from ldae.evaluation.measure.parts import NOT_KEPT, Part, Parts, describe_inputs, join_records, kept_parts
from ldae.evaluation.measure.selection import scans_of
from ldae.files import write_table
from ldae.preprocessing.grid import model_grid
from ldae.seeds import seed_of
from ldae.systems.base import DiffusionAutoencoder
from ldae.systems.codes import decode_on_device
from ldae.systems.ldae import LatentDiffusionAutoencoder

ENCODED, SEMANTIC, OTHER = "encoded z_T", "y_sem only", "another subject's y_sem"
EXAMPLES = {"scan": None, "autoencoder": "", "ldae": ENCODED, "y_sem_only": SEMANTIC}  # volume in the figure: its start
RECONSTRUCTION_METRICS = ("ssim", "ssim_win3", "mse")
RECONSTRUCTION_KEYS = ["model", "start", "solver", "steps"]


@dataclass(frozen=True)
class Rebuilt:
    """A batch of scans (B, 1, D, H, W) rebuilt in one way, on the model's device.

    z_T_std is the spread of each scan's encoded z_T, (B,).
    """

    model: str
    start: str
    solver: str
    steps: int | None
    scans: torch.Tensor
    z_T_std: torch.Tensor | None = None


@dataclass(frozen=True)
class ReconstructionPlan:
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
    solver: Solver
    seed: int


def measure_reconstruction(
    scans: str | Path,
    dataset: str | Path,
    embeddings: str | Path,
    models_dir: str | Path,
    config: Config,
    files: Mapping[str, str | Path | None],
    *,
    measured: str | Path,
    examples: str | Path,
    parts_dir: str | Path,
    code: str,
) -> None:
    """Rebuild the test scans of `scans.csv` in every way; write a row per scan and way, and volumes for the figure.

    Parameters
    ----------
    scans, dataset, embeddings, models_dir : path
        The table of scans; that of labels, by which the figure's scans are chosen and nothing else; y_sem of the
        scans; the folder of the LDAE's weights.
    config : Config
        The sections of an LDAE, seed, sampling, and of the evaluation batch_size, figure_scans, reconstruction,
        lpips_nets.
    files : dict
        Weights for LPIPS, as in `load_lpips`.
    measured, examples : path
        The CSV and the NPZ to write.
    parts_dir, code : path, str
        Where the parts lie until both are written, and the hash of the code that makes them.
    """
    settings, test = config.evaluation, scans_of(read_scans(scans), "test")
    steps, sampling = settings.reconstruction.steps, config.sampling
    ldae = LatentDiffusionAutoencoder.load(models_dir, config)
    shown = choose_examples(join_labels(test, read_dataset(dataset)), settings.figure_scans)
    lpips = load_lpips(settings.lpips_nets, files, ldae.device)
    read = {**files, "embeddings": embeddings}
    facts = {"code": code, "shown": shown, "missing": lpips.missing}
    depends_on = describe_inputs(config, models_dir, names.LDAE_MODELS, test, read, **facts)
    y_sem = read_embeddings(embeddings, depends_on["weights"]["representation"])
    with kept_parts(parts_dir, depends_on) as parts:
        table, volumes = reconstruct(
            ldae,
            test,
            y_sem,
            ReconstructionPlan(steps, sampling.steps, sampling.solver, config.seed),
            batch_size=settings.batch_size,
            shown=shown,
            lpips=lpips,
            parts=parts,
        )
        write_table(measured, table)
        write_arrays(examples, volumes | {"affine": model_grid(config.preprocessing).affine})


def reconstruct(
    ldae: DiffusionAutoencoder,
    test: pd.DataFrame,
    embeddings: Embeddings,
    plan: ReconstructionPlan,
    *,
    batch_size: int,
    shown: list[int],
    lpips: Lpips,
    parts: Parts = NOT_KEPT,
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Rebuild every test scan in every way and measure it.

    Parameters
    ----------
    ldae : DiffusionAutoencoder
        The trained model.
    test, embeddings : DataFrame, Embeddings
        The test scans, and y_sem of these at least.
    plan : ReconstructionPlan
        Steps, solver and seed.
    batch_size, shown : int, list of int
        Scans per batch; rows of `test` that are kept whole for the figure.
    lpips : Lpips
        What measures LPIPS, or says in the column `note` why it cannot.
    parts : Parts
        Keeps what was made of each batch.

    Returns
    -------
    DataFrame
        A row per scan and setting: subject, session, model, start, solver, steps, ssim, ssim_win3, mse, lpips_… for
        each backbone, z_T_std, note.
        The rows "another subject's y_sem" start from the same noise as "y_sem only".
    dict
        Volumes (shown, D, H, W) float32 scan, autoencoder, ldae, y_sem_only; subject, session.
    """
    own, other = semantic_codes(test, embeddings)

    def measure(rows: pd.DataFrame) -> Part:
        at = torch.from_numpy(rows.index.to_numpy())
        codes = own[at], None if other is None else other[at]
        images = read_images(rows).to(ldae.device)
        wanted = torch.from_numpy(rows.index.isin(shown)).to(ldae.device)
        records, kept = [], {"scan": _volumes(images[wanted])}
        for rebuilt in _rebuild(ldae, images, rows, codes, plan):
            records += _measure(rows, images, rebuilt, lpips)
            for name, start in EXAMPLES.items():
                if rebuilt.start == start and rebuilt.steps in (None, plan.compared_steps):
                    kept[name] = _volumes(rebuilt.scans[wanted])
        return Part(records, kept)

    found = parts.measure("reconstruction", "scans", test, batch_size, measure)
    table = pd.DataFrame(join_records(found)).astype({"steps": "Int64"})
    place = {row: position for position, row in enumerate(sorted(shown))}  # the parts have them in the table's order
    order = [place[row] for row in shown]
    volumes = {name: np.concatenate([part.arrays[name] for part in found])[order] for name in EXAMPLES}
    drawn = {name: test.loc[shown, name].to_numpy(dtype=str) for name in SCAN_KEY}
    return table.sort_values(SCAN_KEY, kind="stable", ignore_index=True), volumes | drawn


def _volumes(scans: torch.Tensor) -> np.ndarray:
    return scans[:, 0].cpu().numpy()


def semantic_codes(test: pd.DataFrame, embeddings: Embeddings) -> tuple[torch.Tensor, torch.Tensor | None]:
    """y_sem (scans, dim) of each test scan, and of the first scan of the next test subject (None if there is no other).

    Raises
    ------
    UserError
        The embeddings are of other scans.
    """
    position = embeddings.table.reset_index(names="row").set_index(SCAN_KEY)["row"]
    row = position.reindex(pd.MultiIndex.from_frame(test[SCAN_KEY]))
    if row.isna().any():
        found = "no row for " + " ".join(row.index[row.isna()][0])
        raise UserError("results/embeddings/ldae.npz", "the scans of scans.csv", found, "run the rule embeddings again")
    own = torch.from_numpy(embeddings.features[row.to_numpy(dtype=int)])
    firsts = test.drop_duplicates("subject")
    if len(firsts) < 2:
        return own, None
    following = firsts.index[next_subjects_scan(firsts["subject"].tolist())]
    other = dict(zip(firsts["subject"], following, strict=True))
    return own, own[[other[subject] for subject in test["subject"]]]


def choose_examples(test: pd.DataFrame, count: int) -> list[int]:
    """Rows of labelled scans for the figure: the first scan of `count` subjects at most, diagnoses taking turns."""
    firsts = test.drop_duplicates("subject")
    turn = firsts.groupby("diagnosis").cumcount()
    return sorted(firsts.assign(turn=turn).sort_values(["turn", "diagnosis"], kind="stable").index[:count])


def scan_noise(rows: pd.DataFrame, shape: torch.Size, seed: int) -> torch.Tensor:
    """z_T ~ N(0, I) (B, C, D, H, W), each scan's own by (seed, subject, session)."""
    noise = []
    for subject, session in zip(rows["subject"], rows["session"], strict=True):
        generator = torch.Generator().manual_seed(seed_of(seed, subject, session))
        noise.append(torch.randn(shape[1:], generator=generator))
    return torch.stack(noise)


def _rebuild(
    ldae: DiffusionAutoencoder,
    scans: torch.Tensor,
    rows: pd.DataFrame,
    codes: tuple[torch.Tensor, torch.Tensor | None],
    plan: ReconstructionPlan,
) -> Iterator[Rebuilt]:
    def decode(z_T: torch.Tensor, y_sem: torch.Tensor, steps: int) -> torch.Tensor:
        return decode_on_device(ldae, z_T, y_sem, steps, plan.solver)

    z_0 = ldae.encode_image(scans)
    y_sem = codes[0].to(z_0.device)
    y_other = None if codes[1] is None else codes[1].to(z_0.device)
    noise = scan_noise(rows, z_0.shape, plan.seed).to(z_0.device)
    yield Rebuilt(names.AUTOENCODER, "", "", None, ldae.decode_image(z_0).float())
    for steps in sorted({*plan.steps, plan.compared_steps}):
        z_T = ldae.encode_stochastic(z_0, y_sem, steps, plan.solver)
        spread = z_T.float().flatten(1).std(1).cpu()
        yield Rebuilt(names.LDAE, ENCODED, plan.solver, steps, decode(z_T, y_sem, steps), spread)
        yield Rebuilt(names.LDAE, SEMANTIC, plan.solver, steps, decode(noise, y_sem, steps))
        if steps == plan.compared_steps and y_other is not None:
            yield Rebuilt(names.LDAE, OTHER, plan.solver, steps, decode(noise, y_other, steps))


def _measure(rows: pd.DataFrame, scans: torch.Tensor, rebuilt: Rebuilt, lpips: Lpips) -> list[dict]:
    unknown = torch.full((len(rows),), torch.nan)
    columns = {
        "ssim": ssim(rebuilt.scans, scans),
        "ssim_win3": ssim(rebuilt.scans, scans, PUBLISHED_WINDOW["reconstruction"]),
        "mse": mse(rebuilt.scans, scans),
        **lpips.measure(rebuilt.scans, scans),
        "z_T_std": unknown if rebuilt.z_T_std is None else rebuilt.z_T_std,
    }
    table = rows[SCAN_KEY].assign(**{key: getattr(rebuilt, key) for key in RECONSTRUCTION_KEYS})
    table = table.assign(**{name: values.cpu().numpy() for name, values in columns.items()})
    return table.assign(note=lpips.note(scans.shape[2:])).to_dict("records")
