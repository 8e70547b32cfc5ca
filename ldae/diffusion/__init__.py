"""The noise schedule, the losses and the samplers: functions with an explicit generator."""
