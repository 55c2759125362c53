"""Images at rest: the only code that names, writes, opens, lists and deletes them."""
