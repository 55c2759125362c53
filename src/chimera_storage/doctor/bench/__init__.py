"""`doctor --bench`: how many cameras of which kind this machine carries, measured.

Clips of the usual kinds are drawn and encoded, and the recorder process plays them in real time and
saves what moves, into a scratch folder. `measure` does all of it.
"""
