"""An audit: what is found, in sections, as tables in the terminal and as a page."""
