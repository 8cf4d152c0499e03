"""Which layer is which by what it computes: found while one model runs, beside what the other has computed."""
