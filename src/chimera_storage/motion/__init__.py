"""Section 1 of the server: cameras in, images out."""
