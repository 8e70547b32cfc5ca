"""What a run is expected to take."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from ldae.config.base import Positive, Section, Text


class PlanConfig(Section):
    """The machine that the run is planned for: memory and time that jobs ask for, and `ldae plan`."""

    tflops: Annotated[dict[Text, Positive], Field(min_length=1)] = Field(
        description="what devices reach in these networks, 10^12 operations per second; cpu: per core"
    )
    device: Text = Field(description="the one of `tflops` that the run is planned for")
    cores: Annotated[int, Field(ge=1, description="of one job on the CPU, where device is cpu")]
    scan_cpu_s: Positive = Field(description="CPU-seconds that conversion and preprocessing of one scan take")
    longest_job_h: Positive = Field(
        description="hours that a job may run on your cluster; a training that takes longer goes on in the next"
    )

    @field_validator("device")
    @classmethod
    def _its_speed_is_known(cls, device: str, info: ValidationInfo) -> str:
        if device not in info.data.get("tflops", {device: 0}):
            raise ValueError(f"must be one of tflops: {', '.join(info.data['tflops'])}")
        return device
