"""Orchestration only: order, retries, resources, schedules, artifacts. What is done lives in curation and mixtures.

Reading order: curate, synthesize, mixture_search, handoff, pipeline; tasks, config, cli.
"""
