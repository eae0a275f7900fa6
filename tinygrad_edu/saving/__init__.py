"""Saved networks and training runs. To read: trees.py, files.py, models.py, checkpoints.py."""

from tinygrad_edu.saving.checkpoints import load_checkpoint, save_checkpoint
from tinygrad_edu.saving.models import load, load_metadata, save

__all__ = ["load", "load_checkpoint", "load_metadata", "save", "save_checkpoint"]
