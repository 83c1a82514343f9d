"""Processes forked from one that has loaded the product: fifty of them do not import it fifty times."""

import multiprocessing

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.proofs.doomed", "tests.models.registry.doomed"])
