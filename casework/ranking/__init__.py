"""What a case is worth and what waiting costs: pure, in money."""
