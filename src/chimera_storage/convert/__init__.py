"""Images → videos and archives, as processes.

`jobs` is the manager in the server's process, `process` its side of a child, `__main__` the child;
`job` is what the two say to each other. Only children import `video`, and with it FFmpeg.
"""
