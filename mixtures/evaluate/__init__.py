"""Evaluation: from a trained model, or a harness's files, to metrics by name."""
