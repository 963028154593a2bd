"""Cases that belong together: storms, merging and splitting, and what is no longer found."""
