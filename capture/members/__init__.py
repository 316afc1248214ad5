"""Members: who may do what, requests for bias and darks, points, and telling persons what happened."""
