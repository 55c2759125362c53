"""Where pictures come from: cameras, files and the demonstration, behind one `Source`."""
