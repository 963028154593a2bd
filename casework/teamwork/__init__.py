"""Whose a case is: claiming, assigning, handing over, in bulk, and who has how much."""
