"""The command tree in a terminal, and what only a shell needs: enable, disable, demo."""

from __future__ import annotations

from nbtrack.cli.terminal import main

__all__ = ["main"]
