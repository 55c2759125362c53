"""All HTTP: one module per family of routes, the guards before them, and the pages."""
