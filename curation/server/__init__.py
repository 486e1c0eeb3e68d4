"""Starts vLLM for as long as it is needed: one server a GPU (or group of them), restarted where it dies, gone with us.

`python -m curation.server model=/models/x folder=/shared/urls` serves until it is stopped and leaves its URLs in the folder, one
file each: a Slurm or Ray rank that does this joins every run whose `endpoints` name the folder. Reading order: settings,
serve, guard.
"""

from curation.server.serve import Ended, Servers, reach, serve
from curation.server.settings import Server

__all__ = ["Ended", "Server", "Servers", "reach", "serve"]
