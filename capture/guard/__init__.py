"""The roof's authority: who may open it, when it closes, and what everybody else may know of it."""
