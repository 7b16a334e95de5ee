"""Configuration of others that fits ours: an effective configuration in, text out. Pure."""

from __future__ import annotations


class NoRecipe(ValueError):
    """No text can be made of this configuration; says why, and what would help."""
