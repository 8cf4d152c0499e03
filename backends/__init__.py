"""The two realisations of a spec, and the contract that they fulfil."""
