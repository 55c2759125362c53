"""`doctor --chaos`: a server of its own in a scratch folder, to which everything bad is done.

It records cameras that are served here, while processes are killed, cameras lie, the disk is full,
the clock is set and the index is damaged. A witness notes each image the moment it has its name;
after each trial every image that ever had one has to be there, unchanged, indexed and served.
"""
