"""Networks of the configured sizes: from sections of the configuration to the explicit arguments of `ldae.models`."""
