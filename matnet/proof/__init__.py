"""Whether it is right: stored answers, derivatives and exported code, compared."""
