"""The store: FITS files and the catalogue. A frame counts when its row is committed, never before."""
