"""By when something is due: business calendars, clocks, what pauses them and what is acknowledged."""
