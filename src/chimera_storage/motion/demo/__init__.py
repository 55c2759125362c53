"""The demonstration camera: a scene that the program draws itself."""

from chimera_storage.motion.demo.scene import DemoScene, Pass

__all__ = ["DemoScene", "Pass"]
