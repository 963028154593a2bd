"""Who is let in, and who lets them: links for partners, keys for services, the grants of accounts."""
