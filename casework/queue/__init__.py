"""What a person is shown: the ranked list and its counts, and one case."""
