"""Arithmetic counted without running anything: what running counts, and at the published size what is known of it."""

from __future__ import annotations

import pytest

from ldae.config.load import load_config
from ldae.config.names import DAE, LDAE, LDDIM
from ldae.config.partial import partial_config
from ldae.evaluation.measure.arithmetic import (
    DECODE,
    ENCODE,
    RECONSTRUCT,
    Arithmetic,
    count_arithmetic,
    count_systems,
)
from ldae.evaluation.measure.efficiency import Measurement, run_measurement
from ldae.networks.dae import build_voxel_dae
from ldae.networks.diffusion import build_schedule
from ldae.systems.dae import VoxelDiffusionAutoencoder
from ldae.systems.ldae import LatentDiffusionAutoencoder, build_networks
from tests.rules import script_rules
from tests.unit.sources import ROOT


def load_ldae(models_dir, config):
    return LatentDiffusionAutoencoder(*build_networks(config), build_schedule(config.diffusion))


def load_dae(models_dir, config):
    network = build_voxel_dae(config.dae, config.encoder, config.diffusion)
    return VoxelDiffusionAutoencoder(network, build_schedule(config.diffusion))


LOAD = {LDAE: load_ldae, LDDIM: load_ldae, DAE: load_dae}


@pytest.fixture(scope="module")
def demo():
    return load_config(ROOT / "config.yaml")


@pytest.mark.parametrize("system", LOAD)
def test_counting_agrees_with_running(system, demo):
    """The whole operation on the CPU, sampler and attention included, against the sum of its parts on meta tensors."""
    counted = count_systems(demo)[system]
    for operation, steps in ((ENCODE, 3), (DECODE, 2), (RECONSTRUCT, 3)):
        measurement = Measurement(system, operation, steps, LOAD[system], "", demo, "2m", 2, 1, 1)
        assert run_measurement(measurement)["tflop"] / 2 == pytest.approx(counted.of(operation, steps), rel=1e-6)


def test_an_operation_is_the_sum_of_its_parts():
    parts = Arithmetic(encode_image=1.0, encode_semantic=10.0, noise=100.0, decode_image=0.1)
    assert parts.of(ENCODE, 3) == pytest.approx(311)
    assert parts.of(DECODE, 3) == pytest.approx(300.1)
    assert parts.of(RECONSTRUCT, 3) == pytest.approx(611.1)


def test_the_unconditional_part_costs_no_code(demo):
    ldae = load_ldae("", demo)
    with_code, without = (count_arithmetic(ldae, (32, 40, 32), semantic=semantic) for semantic in (True, False))
    assert without.encode_semantic == 0 < with_code.encode_semantic
    assert 0 < without.noise < with_code.noise
    assert (without.encode_image, without.decode_image) == (with_code.encode_image, with_code.decode_image)


def test_the_rule_counts_the_papers_systems_whatever_the_users_own_are():
    """Of the sizes that the rule is given; the default configuration, which is the demo's, has none of them."""
    rule = script_rules()["measure_efficiency"]
    counted = count_systems(partial_config(dict(rule.params.items())["published"]))
    ldae, lddim, dae = (counted[name] for name in (LDAE, LDDIM, DAE))
    assert ldae.encode_image == pytest.approx(3.6, rel=0.05)
    assert ldae.decode_image == pytest.approx(6.9, rel=0.05)
    assert ldae.encode_semantic == pytest.approx(0.91, rel=0.05)
    assert lddim.noise == pytest.approx(0.62, rel=0.05)
    assert lddim.noise < ldae.noise < 2 * lddim.noise
    assert dae.of(RECONSTRUCT, 100) > 2 * ldae.of(RECONSTRUCT, 100) > lddim.of(RECONSTRUCT, 100)
