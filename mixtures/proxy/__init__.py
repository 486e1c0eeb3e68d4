"""Proxy runs: a small model fine-tuned on a candidate mixture, its losses on held-out answers the outcome."""
