"""A Motion daemon's configuration as settings of this server, and what of it has no counterpart.

Format and defaults are those of Motion 4.5 (its motion_config.html), with the older names that it
still takes. What a file does not set keeps this server's default, not Motion's.
"""

from chimera_storage.motion_conf.read import CameraConf, MotionConf, read_motion_conf
from chimera_storage.motion_conf.write import as_toml, write_new

__all__ = ["CameraConf", "MotionConf", "as_toml", "read_motion_conf", "write_new"]
