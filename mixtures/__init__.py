"""Domains of the judged corpus → one mixture: swarm, proxies, surrogates, search, confirmation, report, hand-off.

Weights are shares of total tokens. Nothing here imports prefect or flows; `curation/` is read only through its
shards, identities and catalog.
"""
