"""Services over models of intfloat."""
