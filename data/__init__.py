"""What arrives, and what is expected of it: contracts, readers, row split, originals, the simulator."""
