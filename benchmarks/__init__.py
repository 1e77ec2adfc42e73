"""What the library costs beside its peers: ``python -m benchmarks [names] [--json] [--quick]``.

A module here that has ``QUESTION``, ``CASES`` and ``run`` is a benchmark. Every figure is a ratio between
contenders that took turns in one process, so that a stranger on a noisy machine finds the same.
"""
