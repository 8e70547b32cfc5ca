"""Steps that 16-bit floats overflow in: the gradient scaler leaves them out, but not for ever."""

from __future__ import annotations

from typing import Any

import lightning as L

from ldae.errors import UserError
from ldae.training.stage import Stage

REPEATED = "run again, it goes the same way"
IN_A_ROW = 20  # from the scaler's first scale, 65536, so many halvings end below 1: then it is not the scale


class Overflows(L.Callback):
    """Ends a training in which too many steps in a row are left out; without a gradient scaler it does nothing.

    The scaler multiplies the loss, so that small gradients survive in 16 bits. Where one is not finite, it takes no
    step and halves its factor.
    """

    scale: float
    step: int

    def __init__(self) -> None:
        self.left_out = 0

    def state_dict(self) -> dict:
        """What the checkpoint keeps."""
        return {"left_out": self.left_out}

    def load_state_dict(self, state: dict) -> None:
        """Count on."""
        self.left_out = state["left_out"]

    def on_train_start(self, trainer: L.Trainer, module: Stage) -> None:  # type: ignore[override]
        """Tell the stage whether there is a scaler, and take its factor."""
        scaler = _scaler(trainer)
        module.leaves_out_overflows = scaler is not None
        self.scale, self.step = scaler.get_scale() if scaler else 1.0, trainer.global_step

    def on_train_batch_end(  # type: ignore[override]
        self, trainer: L.Trainer, module: Stage, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the steps left out since the last one taken."""
        scaler = _scaler(trainer)
        if scaler is None or trainer.global_step == self.step:
            return
        before, self.scale, self.step = self.scale, scaler.get_scale(), trainer.global_step
        self.left_out = self.left_out + 1 if self.scale < before else 0
        if self.left_out == IN_A_ROW:
            found = f"gradients that are nan or inf in {IN_A_ROW} steps in a row, to step {self.step}; {REPEATED}"
            cure = "use training.precision bf16-mixed or 32-true, or lower its learning_rate"
            raise UserError(type(module).__name__, "gradients within 16-bit floats", found, cure)


def _scaler(trainer: L.Trainer) -> Any:
    return getattr(trainer.precision_plugin, "scaler", None)
