"""What happens when nobody answers: policies, their steps, who is woken, and what looks for anything missed."""
