"""Cuvée beside its peers: `make bench`, or `make bench-<name>` for one file of this folder.

Each benchmark runs Cuvée and a real peer on the same input in one run, prints their ratio, and writes its section of
docs/BENCHMARKS.md with the machine and the versions. Peers live in environments of their own, since they pin rivals.
"""
