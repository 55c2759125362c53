"""Chimera Storage: motion images from cameras, and what is made of them."""

__version__ = "0.1.0"
