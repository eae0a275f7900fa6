"""The lessons, one file each: plain functions that compute what a lesson shows. Nothing here prints."""

from tinygrad_edu.lessons import flip

__all__ = ["flip"]
