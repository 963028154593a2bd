"""Who may do what, to which rows, and which fields they see. Roles to actions, scopes to SQL, masks."""
