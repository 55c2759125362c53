"""Looks whether machine, configuration, data folder, ports and cameras are fit to run on.

Each module looks at one of them and gives findings; `examine` goes through all. Nothing is
changed: what is written to try a disk is gone afterwards, and a server may run meanwhile. `bench`
measures how many cameras the machine carries, `chaos` what is lost when everything goes wrong; both
in a folder of their own (`scratch`).
"""
