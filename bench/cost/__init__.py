"""What recording costs, and how it is measured: the parts of `motion_cost.py`."""
