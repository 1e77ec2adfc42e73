"""What the doctor looks at: the way to imin by the standard library's means, then reads through a session."""
