"""Detection quality: labelled clips, detectors, measures and a table."""
