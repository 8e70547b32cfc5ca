import os
from unittest import mock

from ldae.job_environment import JOB_ENVIRONMENT
from tests.rules import script_rules


def test_the_workflow_hands_the_settings_to_its_jobs_unless_the_user_has_others():
    name, *others = JOB_ENVIRONMENT
    with mock.patch.dict(os.environ, {name: "1"}):
        for other in others:
            os.environ.pop(other, None)
        script_rules.__wrapped__("adni")
        assert os.environ[name] == "1"
        assert {other: os.environ[other] for other in others} == {o: JOB_ENVIRONMENT[o] for o in others}
