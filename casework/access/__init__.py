"""Who is let in, and who lets them: accounts and their sessions, links for partners, keys for services, grants."""
