"""Makes the clips for `motion_quality.py`; how is told in `quality/prepare.py`."""

from quality.prepare import main

if __name__ == "__main__":
    main()
