"""The observatory that is not there: one World, rendered by one file per Alpaca device."""
