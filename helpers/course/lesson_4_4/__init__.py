"""Lesson 4.4, Pipelines, registry, CI/CD: its exercises, its releases and its view."""
