"""Month: a simulated month of one site with clouds, reservations, killed services and power cuts."""
