"""What use costs: one row per model call, message and call of a program, and the budgets that stop them.

`meter` counts what is bought one call at a time (models, programs), `messages` what the outbox sends, `report`
adds up. Prices and budgets are the tenant's configuration; a budget that is used up never means silence.
"""
